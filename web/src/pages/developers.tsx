// The API by examples: filled with the reader's key and symbols, tried here against this very server.
import { useEffect, useState } from "preact/hooks";
import { apiKey, madeKey } from "../api/key";
import type { Page, SymbolItem } from "../api/types";
import { ask, type Answer } from "../developers/ask";
import { address, EXAMPLES, LANGUAGE_NAMES, LANGUAGES, masked, snippet, streamSnippet, type Example, type Filling, type Language } from "../developers/examples";
import { count } from "../format/numbers";
import { intervalName, intervalSeconds } from "../format/time";
import { everySymbol } from "../markets/symbols";
import { Choice, Facts } from "../parts/bits";
import { Code } from "../parts/code";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { asked, go, withQuery } from "../state/place";
import { prefs } from "../state/prefs";
import { useResource } from "../state/resource";
import { info } from "../state/server";

const PLACEHOLDER = "YOUR_KEY";

interface Filled {
  shown: Filling;
  copied: Filling;
}

export function Developers() {
  const symbols = useResource<Page<SymbolItem>>("symbols", everySymbol);
  const items = symbols.data?.items ?? [];
  const symbol = asked("symbol") ?? prefs.value.firstSymbols[0] ?? "EUR-USD";
  const known = items.find((item) => item.symbol === symbol);
  const intervals = [...(known?.intervals ?? ["1d"])].sort((a, b) => intervalSeconds(a) - intervalSeconds(b));
  const wanted = asked("interval") ?? "1d";
  const interval = intervals.includes(wanted as (typeof intervals)[number]) ? wanted : (intervals[0] ?? "1d");
  const language: Language = LANGUAGES.find((one) => one === asked("language")) ?? "curl";
  const set = (patch: Record<string, string>): void => {
    const query = { symbol, interval, language, ...patch };
    go(withQuery("/developers", { symbol: query.symbol, interval: query.interval === "1d" ? null : query.interval, language: query.language === "curl" ? null : query.language }), { replace: true });
  };
  const filled = filledWith(symbol, interval);
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>API</h1>
          <p class="soft">
            Everything on these pages comes from it. <a href="/docs">All of it, to read</a>, <a href="/openapi.json">for programs</a>.
          </p>
        </div>
      </header>
      <section class="card" aria-label="What the examples are filled with">
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <label class="field">
            <span>Symbol</span>
            <span class="select">
              <select value={symbol} onChange={(event) => set({ symbol: event.currentTarget.value })}>
                {(known ? [] : [symbol]).concat(items.map((item) => item.symbol)).map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </span>
          </label>
          <Choice legend="Interval" value={interval} options={intervals.map((value) => ({ value: value as string, label: value, title: intervalName(value) }))} onChange={(value) => set({ interval: value })} />
          <Choice<Language> legend="Language" value={language} options={LANGUAGES.map((value) => ({ value, label: LANGUAGE_NAMES[value] }))} onChange={(value) => set({ language: value })} />
        </form>
        <KeyNote />
      </section>
      <div class="examples">
        {EXAMPLES.map((example) => (
          <Shown key={example.id} example={example} language={language} filled={filled} />
        ))}
        <section class="card" aria-labelledby="stream-title" id="stream">
          <h2 id="stream-title">Live</h2>
          <p class="soft small">Prices and forecasts as they come, resumed without a hole. Topics, limits and how to come back: docs/streaming.md.</p>
          <Code of="Stream" text={streamSnippet(language, filled.shown)} copies={streamSnippet(language, filled.copied)} />
        </section>
      </div>
      <Footer origin={null} />
    </main>
  );
}

/** A key is shown whole only right after it was made; copied it is whole always, because it is the reader's own. */
function filledWith(symbol: string, interval: string): Filled {
  const own = madeKey.value ?? apiKey.value;
  const needed = own !== null || (info.value?.keys_required ?? false);
  const all = { origin: location.origin, symbol, interval };
  return {
    shown: { ...all, key: !needed ? null : own === null ? PLACEHOLDER : madeKey.value !== null ? own : masked(own) },
    copied: { ...all, key: needed ? (own ?? PLACEHOLDER) : null },
  };
}

function KeyNote() {
  if (madeKey.value !== null) return <p class="soft small">The examples hold the key that you have just made. Once this page is reloaded it is not shown again.</p>;
  if (apiKey.value !== null) return <p class="soft small">The examples show the beginning of your key; copying puts in all of it.</p>;
  if (info.value?.keys_required) {
    return (
      <p class="soft small">
        This server asks for a key: put yours in the place of {PLACEHOLDER}. <Link href="/settings">Enter or make one</Link>.
      </p>
    );
  }
  return (
    <p class="soft small">
      On this machine no key is needed. For programs elsewhere <Link href="/settings#keys">make one</Link>: it is filled in here.
    </p>
  );
}

function Shown({ example, language, filled }: { example: Example; language: Language; filled: Filled }) {
  const url = address(example, filled.shown);
  return (
    <section class="card" aria-labelledby={`${example.id}-title`} id={`example-${example.id}`}>
      <h2 id={`${example.id}-title`}>{example.title}</h2>
      <p class="soft small">{example.about}</p>
      <p class="asks">
        <b>{example.method}</b> <code>{url}</code>
      </p>
      <Code of={example.title} text={snippet(example, language, filled.shown)} copies={snippet(example, language, filled.copied)} />
      {example.method === "GET" && <Try key={url} url={url} of={example.title} />}
    </section>
  );
}

type Tried = { state: "no" } | { state: "busy" } | { state: "answered"; answer: Answer } | { state: "failed"; reason: string };

function Try({ url, of }: { url: string; of: string }) {
  const [tried, setTried] = useState<Tried>({ state: "no" });
  const [run, setRun] = useState(0);
  useEffect(() => {
    if (run === 0) return;
    let stopped = false;
    setTried({ state: "busy" });
    ask(url)
      .then((answer) => !stopped && setTried({ state: "answered", answer }))
      .catch((error: unknown) => !stopped && setTried({ state: "failed", reason: error instanceof Error ? error.message : String(error) }));
    return () => {
      stopped = true;
    };
  }, [run]);
  return (
    <div class="try" aria-busy={tried.state === "busy"}>
      <button type="button" class="button" disabled={tried.state === "busy"} onClick={() => setRun((n) => n + 1)}>
        Try it<span class="sr-only">: {of}</span>
      </button>
      {tried.state === "failed" && (
        <p role="alert" class="act-said bad">
          No answer came: {tried.reason}
        </p>
      )}
      {tried.state === "answered" && <Told answer={tried.answer} of={of} />}
    </div>
  );
}

function Told({ answer, of }: { answer: Answer; of: string }) {
  const good = answer.status < 400;
  return (
    <>
      <p role="status" class="tried">
        <span class={`badge ${good ? "good" : "bad"}`}>
          {answer.status} {answer.statusText}
        </span>{" "}
        <span class="soft small">
          {count(answer.ms)} ms, {count(answer.bytes)} bytes
        </span>
      </p>
      <Facts rows={answer.headers.map(([name, value]) => [name, <code>{value}</code>])} />
      {!answer.headers.some(([name]) => name === "ratelimit") && <p class="soft small">This server limits nobody on its own machine: there is no RateLimit to see.</p>}
      <Code of={`Answer: ${of}`} text={answer.body} />
      {answer.cut && <p class="soft small">The answer is longer; this is its beginning.</p>}
    </>
  );
}
