// What a symbol or a weighted basket can lose: with intervals, how many returns stand behind it, and what the data cannot say.
import { useEffect, useState } from "preact/hooks";
import { post } from "../api/client";
import type { Estimate, RiskReport } from "../api/types";
import { count, percent, significant } from "../format/numbers";
import { barLabel } from "../format/time";
import { Bone, Choice, Facts, Scroll, When } from "../parts/bits";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { formatBasket, parseBasket, type Position } from "../risk/basket";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";

const DEFAULT_BASKET = "SPY:60,EUR-USD:40";
const YEARS = [1, 3, 10, 30];
const HORIZONS = [1, 5, 10];
const METHODS: Record<string, string> = { historical: "as it was", filtered: "at today's volatility", parametric: "Student t" };

export function Risk() {
  const text = asked("basket") ?? DEFAULT_BASKET;
  const basket = parseBasket(text);
  const years = YEARS.find((n) => String(n) === asked("years")) ?? 3;
  const horizon = HORIZONS.find((n) => String(n) === asked("horizon")) ?? 1;
  const set = (patch: Record<string, string | null>): void =>
    go(withQuery("/risk", { basket: text === DEFAULT_BASKET ? null : text, years: years === 3 ? null : String(years), horizon: horizon === 1 ? null : String(horizon), ...patch }), { replace: true });
  const question = { positions: basket, period_days: Math.round(years * 365.25), horizon };
  const report = useResource<RiskReport>(basket.length ? `risk ${JSON.stringify(question)}` : null, (signal) => post("/risk", question, signal), { keep: true });
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Risk</h1>
          <p class="soft">What this basket could have lost, and how sure that is. The address holds the basket: share it.</p>
        </div>
      </header>
      <section class="card" aria-labelledby="basket-title">
        <h2 id="basket-title">Basket</h2>
        <Basket positions={basket} onChange={(positions) => set({ basket: formatBasket(positions) })} />
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Years of history" value={years} options={YEARS.map((n) => ({ value: n, label: String(n) }))} onChange={(n) => set({ years: n === 3 ? null : String(n) })} />
          <Choice legend="Loss over days" value={horizon} options={HORIZONS.map((n) => ({ value: n, label: String(n) }))} onChange={(n) => set({ horizon: n === 1 ? null : String(n) })} />
        </form>
      </section>
      {report.error ? (
        <section class="card">
          <Failure error={report.error} onRetry={report.reload} of="the risk" />
        </section>
      ) : report.data ? (
        <Report of={report.data} busy={report.busy} />
      ) : basket.length === 0 ? (
        <p class="card nothing soft">Add a symbol to begin.</p>
      ) : (
        <section class="card">
          <div class="bones">
            <Bone height="2em" />
            <Bone height="6em" />
          </div>
        </section>
      )}
      <Footer origin={null} />
    </main>
  );
}

function Basket({ positions, onChange }: { positions: Position[]; onChange: (positions: Position[]) => void }) {
  const [symbol, setSymbol] = useState("");
  return (
    <>
      <ul class="basket">
        {positions.map((position) => (
          <li key={position.symbol}>
            <b>{position.symbol}</b>
            <Weight of={position} onChange={(weight) => onChange(positions.map((p) => (p === position ? { ...p, weight } : p)))} />
            <button type="button" class="button small" onClick={() => onChange(positions.filter((p) => p !== position))}>
              Remove<span class="sr-only"> {position.symbol}</span>
            </button>
          </li>
        ))}
      </ul>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = symbol.trim().toUpperCase();
          if (!wanted) return;
          onChange([...positions.filter((p) => p.symbol !== wanted), { symbol: wanted, weight: 10 }]);
          setSymbol("");
        }}
      >
        <input type="text" placeholder="Add a symbol" aria-label="Symbol to add" value={symbol} onInput={(event) => setSymbol(event.currentTarget.value)} />
        <button type="submit" class="button">
          Add
        </button>
        <span class="soft small">Weights are divided by the sum of their amounts; below zero is sold short.</span>
      </form>
    </>
  );
}

function Weight({ of, onChange }: { of: Position; onChange: (weight: number) => void }) {
  const [text, setText] = useState(String(of.weight));
  useEffect(() => setText(String(of.weight)), [of.weight]);
  const commit = (): void => {
    const weight = Number(text);
    if (Number.isFinite(weight) && weight !== 0) {
      if (weight !== of.weight) onChange(weight);
    } else setText(String(of.weight));
  };
  return <input type="text" inputMode="decimal" size={6} aria-label={`Weight of ${of.symbol}`} value={text} onInput={(event) => setText(event.currentTarget.value)} onBlur={commit} onKeyDown={(event) => event.key === "Enter" && commit()} />;
}

/** A share with the interval in which 90 % of the resamples lie, or why there is none. */
function Share({ of, digits = 1 }: { of: Estimate; digits?: number }) {
  if (of.value === null) return <span class="soft small">{of.reason ?? "not defined"}</span>;
  return (
    <span>
      <b>{percent(of.value, digits)}</b> {of.low !== null && of.high !== null && <span class="soft small">{`${percent(of.low, digits)} to ${percent(of.high, digits)}`}</span>}
    </span>
  );
}

function Ratio({ of }: { of: Estimate }) {
  if (of.value === null) return <span class="soft small">{of.reason ?? "not defined"}</span>;
  return (
    <span>
      <b>{signedNumber(of.value)}</b> {of.low !== null && of.high !== null && <span class="soft small">{`${signedNumber(of.low)} to ${signedNumber(of.high)}`}</span>}
    </span>
  );
}

function signedNumber(value: number): string {
  return value < 0 ? `\u2212${significant(-value)}` : significant(value);
}

function Report({ of, busy }: { of: RiskReport; busy: boolean }) {
  return (
    <>
      <section class="card listing" aria-labelledby="losses-title" aria-busy={busy} id="losses">
        <header>
          <h2 id="losses-title">Losses over {of.horizon === 1 ? "one day" : `${of.horizon} days`}</h2>
          <p class="tag">
            {count(of.n)} returns, {barLabel(of.first, of.interval)} to {barLabel(of.last, of.interval)}
          </p>
        </header>
        <Scroll label="Table of losses">
          <table>
            <thead>
              <tr>
                <th scope="col">Method</th>
                <th scope="col" class="num">
                  Level
                </th>
                <th scope="col" title="Exceeded in one of so many cases">
                  Value at risk
                </th>
                <th scope="col" title="The average of the losses beyond it">
                  Expected shortfall
                </th>
                <th scope="col" class="num wide">
                  Losses beyond
                </th>
              </tr>
            </thead>
            <tbody>
              {of.tails.map((tail) => (
                <tr key={`${tail.method} ${tail.level}`}>
                  <th scope="row">{METHODS[tail.method] ?? tail.method}</th>
                  <td class="num">{percent(tail.level)}</td>
                  <td>
                    <Share of={tail.value_at_risk} digits={2} />
                  </td>
                  <td>
                    <Share of={tail.expected_shortfall} digits={2} />
                  </td>
                  <td class="num wide">{count(tail.beyond)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <div class="record-grid">
        <section class="card" aria-labelledby="figures-title">
          <h2 id="figures-title">In figures</h2>
          <Facts
            rows={[
              ["Volatility, annual", <Share of={of.volatility} />],
              ["Volatility now", <Share of={of.volatility_now} />],
              ["Growth, annual", <Share of={of.growth} />],
              ["Deepest fall", <Share of={of.max_drawdown.depth} />],
              ["Below its height now", <Share of={of.current_drawdown.depth} />],
              ["Sharpe", <Ratio of={of.sharpe} />],
              ["Sortino", <Ratio of={of.sortino} />],
              ["Calmar", <Ratio of={of.calmar} />],
              ...(of.benchmark
                ? ([
                    [`Beta to ${of.benchmark.symbol}`, <Ratio of={of.benchmark.beta} />],
                    [`Correlation with ${of.benchmark.symbol}`, <Ratio of={of.benchmark.correlation} />],
                    ["Alpha, annual", <Share of={of.benchmark.alpha} />],
                    ["Tracking error, annual", <Share of={of.benchmark.tracking_error} />],
                  ] as [string, preact.ComponentChildren][])
                : []),
            ]}
          />
        </section>
        <section class="card" aria-labelledby="stress-title">
          <h2 id="stress-title">In bad times</h2>
          <ul class="runs">
            {of.stress.map((time) => (
              <li key={time.window}>
                <b>{time.window}</b> <span class="soft small">{time.description}</span>
                <br />
                {time.change === null ? (
                  <span class="soft">{time.reason ?? "the data do not reach it"}</span>
                ) : (
                  <>
                    {percent(time.change, 1)} in all, worst day {percent(time.worst_bar, 1)}, deepest fall {percent(time.max_drawdown, 1)}
                  </>
                )}
              </li>
            ))}
          </ul>
        </section>
      </div>
      <section class="card" aria-labelledby="from-title">
        <h2 id="from-title">Where it is from</h2>
        <ul class="runs">
          {of.positions.map((held) => (
            <li key={held.symbol}>
              <Link href={`/?symbol=${encodeURIComponent(held.symbol)}`}>{held.symbol}</Link> {percent(held.weight, 1)}{" "}
              <span class="soft small">
                {held.provenance.origin}, as of <When iso={held.provenance.as_of} />
                {held.left_out > 0 && `; ${count(held.left_out)} of its bars left out, because others have none then`}
              </span>
            </li>
          ))}
        </ul>
        {of.bootstrap && (
          <p class="soft small">
            Intervals: {percent(of.bootstrap.confidence)} of {count(of.bootstrap.resamples)} resamples in blocks of {count(of.bootstrap.block)}.
          </p>
        )}
        {of.notes.map((note) => (
          <p class="soft small" key={note}>
            {note}
          </p>
        ))}
      </section>
    </>
  );
}
