// How the page looks and what it shows first: kept in this browser, and said where that cannot be.
import { useState } from "preact/hooks";
import { ApiFailure, get, segment } from "../api/client";
import type { Page, SymbolDetail, SymbolItem } from "../api/types";
import { isZone, NUMBER_STYLES, type NumberStyle } from "../format/choice";
import { changePercent, price } from "../format/numbers";
import { moment, momentUtc, zoneLabel } from "../format/time";
import { everySymbol } from "../markets/symbols";
import { DEFAULT_PREFS, FIRST_SYMBOLS_MAX, prefer, prefs, storageBlocked } from "../state/prefs";
import { useResource } from "../state/resource";
import { serverNow } from "../state/server";
import { setTheme, theme, type Theme } from "../state/theme";
import { Choice } from "./bits";
import { className } from "./search";

const SAMPLE = { price: 1234.56, change: -0.0123 };
const STYLES = Object.entries(NUMBER_STYLES).map(([value, { label }]) => ({ value: value as NumberStyle, label }));

export function Look() {
  const browser = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = new Date(serverNow()).toISOString();
  const { zone, numbers } = prefs.value;
  return (
    <section class="card" aria-labelledby="look-title" id="look">
      <h2 id="look-title">Look</h2>
      {storageBlocked.value && (
        <p class="notice" role="status">
          This browser keeps nothing for this page. What you choose holds until you close or reload it.
        </p>
      )}
      <form class="controls" onSubmit={(event) => event.preventDefault()}>
        <Choice<Theme>
          legend="Theme"
          value={theme.value}
          options={[
            { value: "system", label: "System" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
          onChange={setTheme}
        />
        <label class="field">
          <span>Time zone</span>
          <span class="select">
          <select value={zone ?? ""} onChange={(event) => prefer({ zone: event.currentTarget.value || null })}>
            <option value="">This browser&apos;s ({browser})</option>
            {zones(zone).map((name) => (
              <option key={name} value={name}>
                {name.replaceAll("_", " ")}
              </option>
            ))}
          </select>
          </span>
        </label>
        <Choice<NumberStyle> legend="Numbers" value={numbers} options={STYLES} onChange={(value) => prefer({ numbers: value })} />
      </form>
      <p class="soft small" id="sample">
        So it looks: <b>{price(SAMPLE.price, 0.01)}</b>, <b>{changePercent(SAMPLE.change)}</b>, <b title={momentUtc(now)}>{moment(now)}</b> in {zoneLabel(zone ?? browser, serverNow())}. Sessions and periods are labels and never shift; hover over a time for UTC.
      </p>
    </section>
  );
}

/** Browsers list some places by names that have been given up. */
const RENAMED: Record<string, string> = {
  "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
  "America/Godthab": "America/Nuuk",
  "Asia/Calcutta": "Asia/Kolkata",
  "Asia/Katmandu": "Asia/Kathmandu",
  "Asia/Rangoon": "Asia/Yangon",
  "Asia/Saigon": "Asia/Ho_Chi_Minh",
  "Atlantic/Faeroe": "Atlantic/Faroe",
  "Europe/Kiev": "Europe/Kyiv",
};

function zones(chosen: string | null): string[] {
  const known = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  const named = known.map((name) => (RENAMED[name] && isZone(RENAMED[name]) ? RENAMED[name] : name));
  return ["UTC", ...[...new Set([...(chosen && chosen !== "UTC" ? [chosen] : []), ...named])].sort()];
}

/** What Markets opens with. */
export function First() {
  const symbols = useResource<Page<SymbolItem>>("symbols", everySymbol);
  const classes = [...new Set(symbols.data?.items.map((item) => item.asset_class) ?? [])];
  const { firstClass, firstSymbols } = prefs.value;
  return (
    <section class="card" aria-labelledby="first-title" id="first">
      <h2 id="first-title">What Markets shows first</h2>
      <form class="controls" onSubmit={(event) => event.preventDefault()}>
        <Choice
          legend="Class"
          value={firstClass ?? ""}
          options={[{ value: "", label: "All" }, ...classes.map((name) => ({ value: name as string, label: className(name) }))]}
          onChange={(value) => prefer({ firstClass: value || null })}
        />
      </form>
      <FirstSymbols symbols={firstSymbols} />
      <p class="soft small">Symbols that you name stand above the others until you sort by a column.</p>
    </section>
  );
}

function FirstSymbols({ symbols }: { symbols: readonly string[] }) {
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const add = (): void => {
    const typed = text.trim();
    if (!typed) return;
    get<SymbolDetail>(`/symbols/${segment(typed)}`)
      .then(({ symbol }) => {
        prefer({ firstSymbols: [...symbols.filter((one) => one !== symbol), symbol].slice(0, FIRST_SYMBOLS_MAX) });
        setText("");
        setSaid("");
      })
      .catch((error: unknown) => setSaid(error instanceof ApiFailure ? error.problem.detail : String(error)));
  };
  return (
    <form
      class="inline-form"
      aria-label="Symbols first"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      {symbols.map((symbol) => (
        <button key={symbol} type="button" class="chip" onClick={() => prefer({ firstSymbols: symbols.filter((one) => one !== symbol) })}>
          {symbol} <span aria-hidden="true">×</span>
          <span class="sr-only"> remove</span>
        </button>
      ))}
      <input type="text" placeholder="Add a symbol" aria-label="Symbol to show first" maxLength={64} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <button type="submit" class="button">
        Add
      </button>
      {said && (
        <span class="act-said bad" role="status">
          {said}
        </span>
      )}
    </form>
  );
}

/** Back to how the page came. The key stays: it is not a matter of taste. */
export function Reset() {
  const [done, setDone] = useState(false);
  return (
    <section class="card" aria-labelledby="reset-title">
      <h2 id="reset-title">Start over</h2>
      <p class="actions">
        <button
          type="button"
          class="button"
          onClick={() => {
            setTheme("system");
            prefer(DEFAULT_PREFS);
            setDone(true);
          }}
        >
          Reset look and markets
        </button>
        <span class="act-said" role="status">
          {done && "Theme, time zone, numbers and what Markets shows first are as they came. Your key stays."}
        </span>
      </p>
    </section>
  );
}
