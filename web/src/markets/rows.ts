// The rows of the markets table: which forecast each shows, their order, and what they come to together. Pure.
import type { Forecast, Prices, SymbolItem } from "../api/types";

/** As many as a list gives at once. */
export const LIST_MAX = 200;
const REFERENCE = "naive";
const LEVEL_SHOWN = 0.8;

export type Quote = Prices["items"][number];

export interface MarketRow extends SymbolItem {
  quote: Quote | null;
  /** Why there is no price. */
  failure: string | null;
  forecast: Forecast | null;
}

export type SortKey = "symbol" | "price" | "change" | "age" | "move" | "interval" | "skill";
export const SORT_KEYS: readonly SortKey[] = ["symbol", "price", "change", "age", "move", "interval", "skill"];

const VERDICTS = { positive: 2, none: 1, negative: 0 };

/** What users look at first: days where they are stored, else the finest. */
export function firstInterval(intervals: readonly string[]): string | null {
  return intervals.includes("1d") ? "1d" : (intervals[0] ?? null);
}

/** Of two forecasts the one to show: of the instrument's first interval, the newer one, and rather not the reference. */
export function said(before: Forecast | null, next: Forecast, intervals: readonly string[]): Forecast {
  if (!before) return next;
  const first = firstInterval(intervals);
  if (before.interval !== next.interval && (before.interval === first || next.interval === first)) return next.interval === first ? next : before;
  const [a, b] = [Date.parse(before.issued_at), Date.parse(next.issued_at)];
  if (before.anchor.at === next.anchor.at && before.interval === next.interval && (before.model === REFERENCE) !== (next.model === REFERENCE)) {
    return next.model === REFERENCE ? before : next;
  }
  return b >= a ? next : before;
}

/** Sorted by one column; rows that have nothing there come last in either order. */
export function sortedRows(rows: readonly MarketRow[], key: SortKey, down: boolean): MarketRow[] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [valueOf(a, key), valueOf(b, key)];
    if (x === null || y === null) return x === y ? bySymbol(a, b) : x === null ? 1 : -1;
    const order = typeof x === "string" && typeof y === "string" ? x.localeCompare(y, "en") : Number(x) - Number(y);
    return order === 0 ? bySymbol(a, b) : sign * order;
  });
}

/** The same symbols, those that the reader wants first before the others, in the reader's order. */
export function wantedFirst(symbols: readonly string[], first: readonly string[]): string[] {
  return [...first.filter((one) => symbols.includes(one)), ...symbols.filter((one) => !first.includes(one))];
}

/** What a row shows in a column, as something that has an order. */
export function valueOf(row: MarketRow, key: SortKey): string | number | null {
  switch (key) {
    case "symbol":
      return row.symbol;
    case "price":
      return row.quote?.price ?? null;
    case "change":
      return row.quote?.change_pct ?? null;
    case "age":
      return row.quote ? -Date.parse(row.quote.provenance.as_of) : null;
    case "move":
      return row.forecast && moveOf(row.forecast);
    case "interval":
      return row.forecast && widthOf(row.forecast);
    case "skill":
      return row.forecast ? VERDICTS[row.forecast.skill.verdict] : null;
  }
}

/** The median's move over the next bar, as a share of where it starts. */
export function moveOf({ steps, anchor }: Forecast): number | null {
  const step = steps[0];
  return step && anchor.price ? step.median / anchor.price - 1 : null;
}

/** The 80 % interval over the next bar. */
export function intervalOf({ steps }: Forecast): { lower: number; upper: number } | null {
  return steps[0]?.intervals.find(({ level }) => level === LEVEL_SHOWN) ?? null;
}

/** Its width, as a share of where it starts: what can be compared between instruments. */
export function widthOf(forecast: Forecast): number | null {
  const of = intervalOf(forecast);
  return of && forecast.anchor.price ? (of.upper - of.lower) / Math.abs(forecast.anchor.price) : null;
}

export interface Glance {
  asset_class: string;
  up: number;
  down: number;
  level: number;
  stale: number;
  rise: MarketRow | null;
  fall: MarketRow | null;
}

/** Who rose and who fell, class by class. Only prices that are not stale move, as in `GET /market/summary`. */
export function glance(rows: readonly MarketRow[], classes: readonly string[]): Glance[] {
  return classes.map((asset_class) => {
    const priced = rows.filter((row) => row.asset_class === asset_class && row.quote);
    const fresh = priced.filter((row) => !row.quote?.provenance.stale);
    const changes = fresh.flatMap((row) => (typeof row.quote?.change === "number" ? [row.quote.change] : []));
    const ranked = sortedRows(fresh, "change", true).filter((row) => typeof row.quote?.change_pct === "number");
    const [first, last] = [ranked[0] ?? null, ranked.at(-1) ?? null];
    return {
      asset_class,
      up: changes.filter((change) => change > 0).length,
      down: changes.filter((change) => change < 0).length,
      level: changes.filter((change) => change === 0).length,
      stale: priced.length - fresh.length,
      rise: (first?.quote?.change_pct ?? 0) > 0 ? first : null,
      fall: (last?.quote?.change_pct ?? 0) < 0 ? last : null,
    };
  });
}

function bySymbol(a: MarketRow, b: MarketRow): number {
  return a.symbol.localeCompare(b.symbol, "en");
}
