// The home page: every instrument with its price, where it has been, and what its forecast says. It moves by itself.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { get } from "../api/client";
import type { Forecast, Page, Prices, SymbolItem } from "../api/types";
import { count } from "../format/numbers";
import { Board } from "../markets/board";
import { AtAGlance } from "../markets/glance";
import { SORT_KEYS, type Quote, type SortKey } from "../markets/rows";
import { FOLLOWED_MAX, followedOf, Sight } from "../markets/sight";
import { everySymbol } from "../markets/symbols";
import { Table } from "../markets/table";
import { Bone } from "../parts/bits";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { className } from "../parts/search";
import { asked, go, withQuery } from "../state/place";
import { prefs } from "../state/prefs";
import { useResource } from "../state/resource";
import { pollMs } from "../state/server";
import { covers, useStream } from "../state/stream";

const CLASSES = ["fx", "crypto", "equity", "etf", "index", "commodity", "macro"];
const SLOWER = 4; // forecasts change with bars, not with ticks
const ASKED_MAX = 100; // symbols in one question

export function Markets() {
  const symbols = useResource<Page<SymbolItem>>("symbols", everySymbol);
  const items = useMemo(() => symbols.data?.items ?? [], [symbols.data]);
  const { board, sight, prices } = useBoard(items);
  const { firstClass } = prefs.value;
  const said = asked("class") ?? firstClass;
  const of = said === "all" ? null : said;
  const classWord = (name: string | null): string | null => (name === firstClass ? null : (name ?? "all")); // what Markets opens with needs no word
  const sort = SORT_KEYS.find((key) => key === asked("sort")) ?? "symbol";
  const down = asked("order") === "down";
  const filter = asked("filter") ?? "";
  const classes = CLASSES.filter((name) => items.some((item) => item.asset_class === name));
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase();
    return items.filter((item) => (!of || item.asset_class === of) && (!wanted || `${item.symbol} ${item.name}`.toLowerCase().includes(wanted)));
  }, [items, of, filter]);
  const sorting = { sort: sort === "symbol" ? null : sort, order: down ? "down" : null };
  const set = (patch: Record<string, string | null>): void => go(withQuery("/", { class: classWord(of), ...sorting, filter: filter || null, ...patch }), { replace: true });
  const sortBy = (key: SortKey): void => set({ sort: key === "symbol" ? null : key, order: key === sort && !down ? "down" : null });
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
        <Link href={withQuery("/", { class: classWord(null), ...sorting })} aria-current={of ? undefined : "true"}>
          All
        </Link>
        {classes.map((name) => (
          <Link key={name} href={withQuery("/", { class: classWord(name), ...sorting })} aria-current={of === name ? "true" : undefined}>
            {className(name)}
          </Link>
        ))}
      </nav>
      <AtAGlance board={board} items={items} classes={classes.filter((name) => !of || name === of)} />
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
            <p class="nothing soft">{filter ? `Nothing here is called “${filter}”.` : "There are no instruments here."}</p>
          ) : (
            <Table board={board} sight={items.length > FOLLOWED_MAX ? sight : null} items={shown} sort={sort} down={down} onSort={sortBy} />
          )}
        </section>
      )}
      <Footer origin={null} />
    </main>
  );
}

/** Prices and forecasts: asked for once, then as they come; asked for again and again where they do not, as those that
 * nobody sees of very many. */
function useBoard(items: readonly SymbolItem[]) {
  const board = useRef(new Board()).current;
  const sight = useRef(new Sight()).current;
  const followed = followedOf(items.map((item) => item.symbol), sight.symbols.value);
  const all = (kind: string) => () => followed.length === items.length && covers(followed.map((symbol) => `${kind}:${symbol}`));
  const prices = useResource<Prices>(items.length ? "prices of all" : null, (signal) => pricesOf(items, signal), { everyMs: pollMs, keep: true, covered: all("quotes") });
  const forecasts = useResource<{ items: Forecast[] }>(items.length ? "forecasts of all" : null, (signal) => get("/forecasts", { horizon: 1 }, signal), { everyMs: () => SLOWER * pollMs(), keep: true, covered: all("forecasts") });
  useEffect(() => void (prices.error && (board.answered.value = true)), [prices.error]);
  useEffect(() => void (prices.data && board.prices(prices.data)), [prices.data]);
  useEffect(() => void (forecasts.data && board.forecasts(forecasts.data.items, items, { whole: true })), [forecasts.data, items]);
  useStream<Quote>(
    followed.map((symbol) => `quotes:${symbol}`),
    (quote, meta) => {
      if (quote) board.quote(quote);
      else if (meta.kind === "reload" && !meta.first) board.anew(meta.topic.slice("quotes:".length));
    },
  );
  useStream<Forecast>(
    followed.map((symbol) => `forecasts:${symbol}`),
    (forecast, meta) => {
      if (forecast) board.forecasts([forecast], items);
      else if (meta.kind === "reload" && !meta.first) forecasts.reload();
    },
  );
  return { board, sight, prices };
}

async function pricesOf(items: readonly SymbolItem[], signal: AbortSignal): Promise<Prices> {
  const parts: string[] = [];
  for (let i = 0; i < items.length; i += ASKED_MAX) parts.push(items.slice(i, i + ASKED_MAX).map((item) => item.symbol).join(","));
  const answers = await Promise.all(parts.map((symbols) => get<Prices>("/prices", { symbols }, signal)));
  return { items: answers.flatMap((one) => one.items), errors: answers.flatMap((one) => one.errors) };
}
