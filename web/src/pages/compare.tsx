// Several instruments side by side: how much each moves, and how they move together.
import { useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Correlations, Volatilities } from "../api/types";
import { count, percent } from "../format/numbers";
import { Bone, Choice, Scroll, When } from "../parts/bits";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { Section } from "../parts/section";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";

const DEFAULT_SYMBOLS = "SPY,QQQ,EUR-USD,USD-JPY,WTI,^VIX";
const WINDOWS = ["30d", "90d", "1y", "5y"];
const SYMBOLS_MAX = 20;

export function Compare() {
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
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Compare</h1>
          <p class="soft">How much each moves, and how they move together.</p>
        </div>
      </header>
      <section class="card" aria-labelledby="chosen-title">
        <h2 id="chosen-title">Instruments</h2>
        <Chosen symbols={symbols} onChange={(next) => set(next, period)} />
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Over" value={period} options={WINDOWS.map((one) => ({ value: one, label: one }))} onChange={(over) => set(symbols, over)} />
        </form>
      </section>
      <Section id="volatility" title="Volatility" about="Of the moves between consecutive bars, annualised." of={volatility}>
        {(data) => <Volatility of={data} />}
      </Section>
      {symbols.length > 1 && (
        <Section id="correlation" title="Correlation" about="Of returns between bar ends that both have. Hover for n and the interval." of={together}>
          {(data) => <HeatMap of={data} symbols={data.series.map((one) => one.symbol)} />}
        </Section>
      )}
      <Footer origin={null} />
    </main>
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
                  {annualised === null ? "–" : unit === "fraction" ? percent(annualised, 1) : `${annualised.toFixed(2)} units`}
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
                    <td key={b} class="num soft" title={pair?.reason ?? ""}>
                      –<span class="sr-only"> {pair?.reason}</span>
                    </td>
                  );
                }
                const said = `${a} and ${b}: ${value.toFixed(2)}, from ${pair.lower?.toFixed(2) ?? "?"} to ${pair.upper?.toFixed(2) ?? "?"} on ${pair.n ?? 0} returns; Spearman ${pair.spearman?.toFixed(2) ?? "?"}`;
                const mixed = `color-mix(in oklab, var(${value >= 0 ? "--fan" : "--bad"}) ${Math.round(45 * Math.abs(value))}%, transparent)`;
                return (
                  <td key={b} class="num" title={said} style={{ background: mixed }}>
                    {value.toFixed(2).replace("-", "\u2212")}
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
