import { describe, expect, test } from "vitest";
import { sortedRows, type MarketRow } from "../src/markets/rows";
import { sparkPoints } from "../src/parts/sparkline";

function row(symbol: string, change: number | null): MarketRow {
  const quote = change === null ? null : { symbol, price: 1, bid: null, ask: null, change: 0, change_pct: change, provenance: {} as never };
  return { symbol, name: symbol, asset_class: "fx", currency: "USD", tick: 0.01, calendar: "FX", signed: false, intervals: ["1d"], quote, failure: null, forecast: null } as MarketRow;
}

describe("the order of the markets", () => {
  const rows = [row("C", 1), row("A", null), row("B", -2), row("D", 1)];

  test("puts what has no value last, either way", () => {
    expect(sortedRows(rows, "change", false).map((r) => r.symbol)).toEqual(["B", "C", "D", "A"]);
    expect(sortedRows(rows, "change", true).map((r) => r.symbol)).toEqual(["C", "D", "B", "A"]);
  });

  test("is that of the names by default, and leaves the rows it was given alone", () => {
    expect(sortedRows(rows, "symbol", false).map((r) => r.symbol)).toEqual(["A", "B", "C", "D"]);
    expect(rows.map((r) => r.symbol)).toEqual(["C", "A", "B", "D"]);
  });
});

test("a sparkline fills its box, and a constant series lies in the middle", () => {
  expect(sparkPoints([1, 3])).toBe("2.0,26.0 118.0,2.0");
  expect(sparkPoints([5, 5])).toBe("2.0,14.0 118.0,14.0");
});
