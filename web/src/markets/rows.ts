// The rows of the markets table and their order. Pure.
import type { Forecast, Prices, SymbolItem } from "../api/types";

/** As many as a list gives at once. */
export const LIST_MAX = 200;

export interface MarketRow extends SymbolItem {
  quote: Prices["items"][number] | null;
  /** Why there is no price. */
  failure: string | null;
  forecast: Forecast | null;
}

export type SortKey = "symbol" | "price" | "change" | "age" | "move" | "skill";

const VERDICTS = { positive: 2, none: 1, negative: 0 };

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
    case "move": {
      const step = row.forecast?.steps[0];
      const from = row.forecast?.anchor.price;
      return step && from ? step.median / from - 1 : null;
    }
    case "skill":
      return row.forecast ? VERDICTS[row.forecast.skill.verdict] : null;
  }
}

function bySymbol(a: MarketRow, b: MarketRow): number {
  return a.symbol.localeCompare(b.symbol, "en");
}
