// Side by side: instruments (prices, how much each moves, how they move together) or models (who is better, and where).
import { useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Correlations, Volatilities } from "../api/types";
import { count, decimal, percent } from "../format/numbers";
import { Bone, Choice, Scroll, When } from "../parts/bits";
import { Contest, DEFAULT_MODELS, MODELS_MAX } from "../parts/contest";
import { Answer } from "../parts/answer";
import { Footer } from "../parts/frame";
import type { Kind } from "../parts/leaders";
import { Link } from "../parts/link";
import { PriceLines } from "../parts/rebased";
import { Section } from "../parts/section";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";

const DEFAULT_SYMBOLS = "SPY,QQQ,IWM,AAPL,EUR-USD,USD-JPY";
const WINDOWS = ["30d", "90d", "1y", "5y"];
const DAYS: Record<string, number> = { "30d": 30, "90d": 90, "1y": 365, "5y": 1826 };
const SYMBOLS_MAX = 20;

type Mode = "instruments" | "models";

export function Compare() {
  const mode: Mode = asked("of") === "models" ? "models" : "instruments";
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Compare</h1>
          <p class="soft">{mode === "models" ? "How much closer each comes than the random walk, and whether its intervals hold." : "How much each moves, and how they move together."}</p>
        </div>
        <Choice<Mode>
          legend="Compare"
          value={mode}
          options={[
            { value: "instruments", label: "Instruments" },
            { value: "models", label: "Models" },
          ]}
          onChange={(value) => go(withQuery("/compare", { of: value === "models" ? value : null }))}
        />
      </header>
      {mode === "models" ? <ModelsCompared /> : <InstrumentsCompared />}
      <Footer origin={null} />
    </main>
  );
}

function ModelsCompared() {
  const text = asked("models") ?? DEFAULT_MODELS;
  const models = [...new Set(text.split(",").map((name) => name.trim()).filter(Boolean))].slice(0, MODELS_MAX);
  const horizon = [1, 5, 10, 24].find((n) => String(n) === asked("horizon")) ?? 1;
  const kind: Kind = asked("kind") === "ledger" ? "ledger" : "walk_forward";
  return (
    <Contest
      models={models}
      horizon={horizon}
      kind={kind}
      onChange={(patch) => {
        const next = { models, horizon, kind, ...patch };
        const joined = next.models.join(",");
        go(withQuery("/compare", { of: "models", models: joined === DEFAULT_MODELS ? null : joined || "none", horizon: next.horizon === 1 ? null : String(next.horizon), kind: next.kind === "ledger" ? "ledger" : null }), { replace: true });
      }}
    />
  );
}

function InstrumentsCompared() {
  const text = asked("symbols") ?? DEFAULT_SYMBOLS;
  const symbols = [...new Set(text.split(",").map((symbol) => symbol.trim()).filter(Boolean))].slice(0, SYMBOLS_MAX);
  const period = WINDOWS.find((one) => one === asked("window")) ?? "1y";
  const set = (next: readonly string[], over: string): void => {
    const joined = next.join(",");
    go(withQuery("/compare", { symbols: joined === DEFAULT_SYMBOLS ? null : joined, window: over === "1y" ? null : over }), { replace: true });
  };
  const query = { symbols: symbols.join(","), window: period };
  const volatility = useResource<Volatilities>(symbols.length ? `volatility ${query.symbols} ${period}` : null, (signal) => get("/prices/volatility", query, signal), { keep: true });
  const together = useResource<Correlations>(symbols.length > 1 ? `correlation ${query.symbols} ${period}` : null, (signal) => get("/prices/correlation", query, signal), { keep: true });
  return (
    <>
      <section class="card" aria-labelledby="chosen-title">
        <h2 id="chosen-title">Instruments</h2>
        <Chosen symbols={symbols} onChange={(next) => set(next, period)} />
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Over" value={period} options={WINDOWS.map((one) => ({ value: one, label: one }))} onChange={(over) => set(symbols, over)} />
        </form>
      </section>
      {symbols.length > 0 && <PriceLines symbols={symbols} days={DAYS[period] ?? 365} />}
      <div class="pair">
        <Section id="volatility" title="Volatility" about="Of the moves between consecutive bars, annualised." of={volatility}>
          {(data) => <Volatility of={data} />}
        </Section>
        {symbols.length > 1 && (
          <Section id="correlation" title="Correlation" about="Of returns between bar ends that both have. Underlined figures tell how sure they are." of={together}>
            {(data) => <HeatMap of={data} symbols={data.series.map((one) => one.symbol)} />}
          </Section>
        )}
      </div>
    </>
  );
}

function Chosen({ symbols, onChange }: { symbols: readonly string[]; onChange: (symbols: string[]) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = text.trim().toUpperCase();
        if (wanted) onChange([...symbols.filter((symbol) => symbol !== wanted), wanted]);
        setText("");
      }}
    >
      {symbols.map((symbol) => (
        <button key={symbol} type="button" class="chip" onClick={() => onChange(symbols.filter((one) => one !== symbol))}>
          {symbol} <span aria-hidden="true">×</span>
          <span class="sr-only"> remove</span>
        </button>
      ))}
      <input type="text" placeholder="Add a symbol" aria-label="Symbol to add" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <button type="submit" class="button">
        Add
      </button>
    </form>
  );
}

function Volatility({ of }: { of: Volatilities }) {
  const most = Math.max(...of.items.map((item) => (item.volatility.unit === "fraction" ? (item.volatility.annualised ?? 0) : 0)), 1e-9);
  return (
    <Scroll label="Table of volatility">
      <table>
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col" class="num">
              Annual volatility
            </th>
            <th scope="col" class="wide" aria-hidden="true" />
            <th scope="col" class="num wide">
              Returns
            </th>
            <th scope="col" class="wide">
              Until
            </th>
          </tr>
        </thead>
        <tbody>
          {of.items.map((item) => {
            const { annualised, unit, returns, method } = item.volatility;
            return (
              <tr key={item.symbol}>
                <th scope="row">
                  <Link href={`/?symbol=${segment(item.symbol)}`}>
                    <b>{item.symbol}</b> <span class="soft">{item.interval}</span>
                  </Link>
                </th>
                <td class="num" title={method}>
                  {annualised === null ? "–" : unit === "fraction" ? percent(annualised, 1) : `${decimal(annualised)} units`}
                </td>
                <td class="wide" aria-hidden="true">
                  {annualised !== null && unit === "fraction" && <i class="bar" style={{ width: `${(100 * annualised) / most}%` }} />}
                </td>
                <td class="num wide">{count(returns)}</td>
                <td class="wide soft">
                  <When iso={item.last_at} />
                </td>
              </tr>
            );
          })}
          {of.errors.map((error) => (
            <tr key={error.symbol}>
              <th scope="row">{error.symbol}</th>
              <td colSpan={4} class="soft error-said">
                {error.detail}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function HeatMap({ of, symbols }: { of: Correlations; symbols: readonly string[] }) {
  const pairs = new Map(of.pairs.flatMap((pair) => [[`${pair.a} ${pair.b}`, pair] as const, [`${pair.b} ${pair.a}`, pair] as const]));
  if (symbols.length === 0) return <Bone />;
  return (
    <Scroll label="Table of correlations">
      <table class="heat">
        <thead>
          <tr>
            <td />
            {symbols.map((symbol) => (
              <th key={symbol} scope="col" class="num">
                {symbol}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {symbols.map((a) => (
            <tr key={a}>
              <th scope="row">{a}</th>
              {symbols.map((b) => {
                if (a === b) return <td key={b} class="num soft">1</td>;
                const pair = pairs.get(`${a} ${b}`);
                const value = pair?.pearson ?? null;
                if (!pair || value === null) {
                  return (
                    <td key={b} class="num soft">
                      <Answer of={`${a} and ${b}`} facts={[["Not measured", pair?.reason ?? "no returns in common"]]}>
                        –
                      </Answer>
                    </td>
                  );
                }
                const mixed = `color-mix(in oklab, var(${value >= 0 ? "--fan" : "--bad"}) ${Math.round(45 * Math.abs(value))}%, transparent)`;
                return (
                  <td key={b} class="num" style={{ background: mixed }}>
                    <Answer
                      of={`${a} and ${b}`}
                      facts={[
                        ["Pearson", `${decimal(value)}, ${decimal(pair.lower)} to ${decimal(pair.upper)}`],
                        ["Spearman", decimal(pair.spearman)],
                        ["Returns", count(pair.n)],
                      ]}
                    >
                      {decimal(value)}
                    </Answer>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
