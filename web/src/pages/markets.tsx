// The home page: every instrument with its price, where it has been, and what its forecast says.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Candles, Forecast, MarketClass, MarketSummary, Page, Prices, SymbolItem } from "../api/types";
import { changePercent, count, pValue, price as priceText, range } from "../format/numbers";
import { age, steps as stepsText } from "../format/time";
import { LIST_MAX, sortedRows, type MarketRow, type SortKey } from "../markets/rows";
import { Bone, Scroll, When } from "../parts/bits";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { DownIcon, UpIcon } from "../parts/icons";
import { Link } from "../parts/link";
import { className } from "../parts/search";
import { Sparkline } from "../parts/sparkline";
import { VerdictBadge } from "../parts/verdict";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";
import { pollMs, serverNow, tick as clockTick } from "../state/server";

const CLASSES = ["fx", "crypto", "equity", "etf", "index", "commodity", "macro"];
const SPARK_BARS = 40;
const SLOWER = 4; // forecasts change with bars, not with ticks

export function Markets() {
  const symbols = useResource<Page<SymbolItem>>("symbols", (signal) => get("/symbols", { limit: LIST_MAX }, signal));
  const items = symbols.data?.items ?? [];
  const names = items.map((item) => item.symbol).join(",");
  const prices = useResource<Prices>(names ? "prices of all" : null, (signal) => get("/prices", { symbols: names }, signal), { everyMs: pollMs, keep: true });
  const forecasts = useResource<{ items: Forecast[] }>(names ? "forecasts of all" : null, (signal) => get("/forecasts", { horizon: 1 }, signal), { everyMs: () => SLOWER * pollMs(), keep: true });
  const of = asked("class");
  const sort = (asked("sort") as SortKey | null) ?? "symbol";
  const down = asked("order") === "down";
  const filter = asked("filter") ?? "";
  const rows = useMemo(() => joined(items, prices.data, forecasts.data?.items ?? []), [symbols.data, prices.data, forecasts.data]);
  const classes = CLASSES.filter((name) => items.some((item) => item.asset_class === name));
  const wanted = filter.toLowerCase();
  const shown = sortedRows(
    rows.filter((row) => (!of || row.asset_class === of) && (!wanted || `${row.symbol} ${row.name}`.toLowerCase().includes(wanted))),
    sort,
    down,
  );
  const set = (patch: Record<string, string | null>): void =>
    go(withQuery("/", { class: of, sort: sort === "symbol" ? null : sort, order: down ? "down" : null, filter: filter || null, ...patch }), { replace: true });
  return (
    <main id="main" class="page">
      <header class="head">
        <div>
          <h1>Markets</h1>
          <p class="soft">{symbols.data ? `${count(items.length)} instruments, each with a forecast sealed before its outcome.` : <Bone width="18em" />}</p>
        </div>
        <input class="filter" type="search" placeholder="Filter by name" aria-label="Filter by name" value={filter} onInput={(event) => set({ filter: event.currentTarget.value.slice(0, 64) || null })} />
      </header>
      <nav class="tabs" aria-label="Asset classes">
        <Link href={withQuery("/", { sort: sort === "symbol" ? null : sort })} aria-current={of ? undefined : "true"}>
          All
        </Link>
        {classes.map((name) => (
          <Link key={name} href={withQuery("/", { class: name, sort: sort === "symbol" ? null : sort })} aria-current={of === name ? "true" : undefined}>
            {className(name)}
          </Link>
        ))}
      </nav>
      <Glance of={of} />
      {symbols.error && !symbols.data ? (
        <div class="card tall">
          <Failure error={symbols.error} onRetry={symbols.reload} of="the instruments" />
        </div>
      ) : (
        <section class="card listing" aria-label="Instruments">
          {prices.error && <Failure error={prices.error} onRetry={prices.reload} of="prices" />}
          {!symbols.data ? (
            <div class="bones">
              {Array.from({ length: 9 }, (_, i) => (
                <Bone key={i} height="2em" />
              ))}
            </div>
          ) : shown.length === 0 ? (
            <p class="nothing soft">Nothing here is called “{filter}”.</p>
          ) : (
            <Table rows={shown} sort={sort} down={down} onSort={(key) => set({ sort: key === "symbol" ? null : key, order: key === sort && !down ? "down" : null })} loading={!prices.data && !prices.error} />
          )}
        </section>
      )}
      <Footer origin={null} />
    </main>
  );
}

/** Who rose and who fell, and which markets are open: of one class, or of all. */
function Glance({ of }: { of: string | null }) {
  const found = useResource<MarketSummary>("summary", (signal) => get("/market/summary", {}, signal), { everyMs: () => SLOWER * pollMs(), keep: true });
  const classes = found.data?.classes.filter((one) => !of || one.asset_class === of) ?? [];
  if (found.error || classes.length === 0) return null; // the table below says it all, if slower
  return (
    <ul class="glance" aria-label="At a glance">
      {classes.map((one) => (
        <li key={one.asset_class} class="card">
          <h2>{className(one.asset_class)}</h2>
          <p>
            <span class="up">{count(one.advancers)} up</span> · <span class="down">{count(one.decliners)} down</span>
            {one.unchanged > 0 && <span class="soft"> · {count(one.unchanged)} level</span>}
            {one.stale > 0 && <span class="soft"> · {count(one.stale)} stale</span>}
          </p>
          <Mover of={one.movers.up[0]} />
          <Mover of={one.movers.down[0]} />
          <Sessions of={one.sessions} />
        </li>
      ))}
    </ul>
  );
}

function Mover({ of }: { of: MarketClass["movers"]["up"][number] | undefined }) {
  if (!of || of.change_pct === null) return null;
  return (
    <p class="mover">
      <Link href={`/?symbol=${segment(of.symbol)}`}>{of.symbol}</Link> <Change share={of.change_pct / 100} />
    </p>
  );
}

function Sessions({ of }: { of: MarketClass["sessions"] }) {
  const known = of.filter((session) => session.open !== null);
  if (known.length === 0) return null;
  const open = known.filter((session) => session.open).length;
  const next = known.find((session) => session.until !== null)?.until ?? null;
  return (
    <p class="soft small" title={known.map((session) => `${session.calendar} ${session.open ? "open" : "closed"}`).join(", ")}>
      {open === 0 ? "closed" : open === known.length ? "open" : `${open} of ${known.length} open`}
      {next && known.length === 1 && (
        <>
          {" "}
          until <When iso={next} />
        </>
      )}
    </p>
  );
}

/** One row per instrument; of its forecasts the one that `auto` would take stands last. */
function joined(items: readonly SymbolItem[], prices: Prices | null, forecasts: readonly Forecast[]): MarketRow[] {
  const priced = new Map(prices?.items.map((item) => [item.symbol, item]));
  const failed = new Map(prices?.errors.map((item) => [item.symbol, item.detail]));
  const said = new Map<string, Forecast>();
  for (const forecast of forecasts) {
    const before = said.get(forecast.symbol);
    const newer = !before || Date.parse(forecast.issued_at) > Date.parse(before.issued_at);
    if (newer || (forecast.issued_at === before.issued_at && forecast.requested_model === "auto")) said.set(forecast.symbol, forecast);
  }
  return items.map((item) => ({ ...item, quote: priced.get(item.symbol) ?? null, failure: failed.get(item.symbol) ?? null, forecast: said.get(item.symbol) ?? null }));
}

interface TableProps {
  rows: readonly MarketRow[];
  sort: SortKey;
  down: boolean;
  loading: boolean;
  onSort: (key: SortKey) => void;
}

function Table({ rows, sort, down, loading, onSort }: TableProps) {
  const head = (key: SortKey, label: string, kind = "") => (
    <th scope="col" class={kind} aria-sort={sort === key ? (down ? "descending" : "ascending") : "none"}>
      <button type="button" class="sorter" onClick={() => onSort(key)}>
        {label}
        <span aria-hidden="true">{sort === key ? (down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <Scroll label="Table of instruments">
      <table id="markets">
        <thead>
          <tr>
            {head("symbol", "Instrument")}
            {head("price", "Last", "num")}
            {head("change", "Change", "num")}
            <th scope="col" class="wide">
              Last {SPARK_BARS} bars
            </th>
            {head("age", "Age", "num wide")}
            {head("move", "Forecast", "num")}
            <th scope="col" class="num wide">
              80 % interval
            </th>
            {head("skill", "Skill", "wide")}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.symbol} row={row} loading={loading} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ row, loading }: { row: MarketRow; loading: boolean }) {
  const { quote, forecast, tick } = row;
  const change = quote?.change_pct ?? null;
  return (
    <tr data-symbol={row.symbol}>
      <th scope="row">
        <Link href={`/?symbol=${segment(row.symbol)}`}>
          <b>{row.symbol}</b>
          <span class="soft small wide">{row.name}</span>
        </Link>
      </th>
      <td class="num">{quote ? priceText(quote.price, tick) : loading ? <Bone width="4em" /> : <span class="soft" title={row.failure ?? ""}>no price</span>}</td>
      <td class="num">{change !== null && <Change share={change / 100} />}</td>
      <td class="wide">
        <Spark symbol={row.symbol} interval={forecast?.interval ?? row.intervals[0] ?? "1d"} />
      </td>
      <td class="num wide">{quote && <Age quote={quote} />}</td>
      <td class="num">{forecast ? <Arrow forecast={forecast} /> : <span class="soft">none yet</span>}</td>
      <td class="num wide">{forecast ? <Interval forecast={forecast} tick={tick} /> : ""}</td>
      <td class="wide">
        {forecast && <VerdictBadge model={forecast.model} verdict={forecast.skill.verdict} title={`${forecast.model} against the random walk: ${pValue(forecast.skill.p_value)}, ${count(forecast.skill.n)} forecasts`} />}
      </td>
    </tr>
  );
}

function Change({ share }: { share: number }) {
  const way = Math.abs(share) < 5e-5 ? "" : share > 0 ? "up" : "down"; // as it is written: 0.00 % points nowhere
  return (
    <span class={`change ${way}`}>
      {way === "up" && <UpIcon />}
      {way === "down" && <DownIcon />}
      {changePercent(share)}
    </span>
  );
}

function Age({ quote }: { quote: Prices["items"][number] }) {
  void clockTick.value;
  const { provenance } = quote;
  const old = age((serverNow() - Date.parse(provenance.as_of)) / 1000);
  return (
    <span class={provenance.stale ? "age stale" : "age"} title={`${provenance.origin}. ${provenance.stale ? "Older than it should be." : "As fresh as it should be."}`}>
      {old}
    </span>
  );
}

/** The median's move over the next bar, against the width of the 80 % interval: an arrow only where there is one. */
function Arrow({ forecast }: { forecast: Forecast }) {
  const step = forecast.steps[0];
  if (!step) return null;
  const move = forecast.anchor.price === 0 ? null : step.median / forecast.anchor.price - 1;
  return (
    <span title={`Median ${stepsText(1, forecast.interval)} after ${forecast.anchor.at}`}>
      {move === null ? "" : Math.abs(move) < 5e-5 ? "level" : changePercent(move)} <span class="soft">{forecast.interval}</span>
    </span>
  );
}

function Interval({ forecast, tick }: { forecast: Forecast; tick: number }) {
  const step = forecast.steps[0];
  const of = step?.intervals.find((interval) => interval.level === 0.8);
  return <span>{of ? range(of.lower, of.upper, tick) : ""}</span>;
}

/** The last closes, asked for when the row comes into sight. */
function Spark({ symbol, interval }: { symbol: string; interval: string }) {
  const [seen, setSeen] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!root.current || seen) return;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true));
    watcher.observe(root.current);
    return () => watcher.disconnect();
  }, [seen]);
  const found = useResource<Candles>(seen ? `spark ${symbol} ${interval}` : null, (signal) => get(`/prices/${segment(symbol)}/candles`, { interval, limit: SPARK_BARS }, signal));
  return (
    <span ref={root} class="spark">
      {found.data && <Sparkline values={found.data.candles.map((bar) => bar.close)} label={`${symbol}, last ${found.data.candles.length} bars of ${interval}`} />}
    </span>
  );
}
