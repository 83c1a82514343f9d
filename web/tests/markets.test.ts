import { describe, expect, test } from "vitest";
import type { Forecast, Prices, SymbolItem } from "../src/api/types";
import { Board } from "../src/markets/board";
import { glance, said, sortedRows, widthOf, type MarketRow, type Quote, wantedFirst } from "../src/markets/rows";
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

function forecast(interval: string, model: string, issued: number, more: Partial<Forecast> = {}): Forecast {
  const at = new Date(issued).toISOString();
  return { symbol: "A", interval, model, issued_at: at, anchor: { at, price: 100 }, steps: [{ median: 101, intervals: [{ level: 0.8, lower: 98, upper: 104 }] }], ...more } as Forecast;
}

function quote(symbol: string, price: number, asOf: number, more: Partial<Quote> = {}): Quote {
  return { symbol, price, change: price, change_pct: price, provenance: { as_of: new Date(asOf).toISOString(), stale: false }, ...more } as Quote;
}

describe("the forecast of a row", () => {
  const intervals = ["1h", "1d"];

  test("is of days, however many hours come after it", () => {
    const day = forecast("1d", "ewma_walk", 1);
    expect(said(day, forecast("1h", "ewma_walk", 9), intervals)).toBe(day);
    expect(said(forecast("1h", "ewma_walk", 9), day, intervals)).toBe(day);
    expect(said(day, forecast("1d", "ewma_walk", 2), intervals).issued_at).toBe(new Date(2).toISOString());
    expect(said(forecast("1d", "ewma_walk", 2), day, intervals)).not.toBe(day);
  });

  test("is rather not the reference, of those that stand on the same bar", () => {
    const own = forecast("1d", "ewma_walk", 1);
    const reference = forecast("1d", "naive", 1);
    expect(said(own, reference, intervals)).toBe(own);
    expect(said(reference, own, intervals)).toBe(own);
    expect(said(own, forecast("1d", "naive", 2), intervals).model).toBe("naive");
  });

  test("is as wide as its interval is, against the price it starts from", () => {
    expect(widthOf(forecast("1d", "naive", 1))).toBeCloseTo(0.06);
  });
});

describe("the board", () => {
  const items = [{ symbol: "A", intervals: ["1d"] }] as SymbolItem[];
  const asked = (one: Quote): Prices => ({ items: [one], errors: [] });

  test("keeps a price that came by itself from one that was asked for before", () => {
    const board = new Board();
    board.quote(quote("A", 2, 20));
    board.prices(asked(quote("A", 1, 10)));
    expect(board.cell("A").quote.value?.price).toBe(2);
    board.prices(asked(quote("A", 3, 30)));
    expect(board.cell("A").quote.value?.price).toBe(3);
  });

  test("takes an older price where the server begins anew", () => {
    const board = new Board();
    board.quote(quote("A", 2, 20));
    board.forecasts([forecast("1d", "naive", 20)], items);
    board.anew("A");
    board.prices(asked(quote("A", 1, 10)));
    board.forecasts([forecast("1d", "naive", 10)], items, { whole: true });
    expect(board.cell("A").quote.value?.price).toBe(1);
    expect(board.cell("A").forecast.value?.issued_at).toBe(new Date(10).toISOString());
  });
});

test("a glance counts what moves: not what is stale, and not what has nothing to compare with", () => {
  const of = (symbol: string, change: number | null, stale = false): MarketRow =>
    ({ symbol, asset_class: "fx", quote: quote(symbol, 1, 1, { change, change_pct: change, provenance: { stale } as never }), forecast: null }) as MarketRow;
  const [seen] = glance([of("A", 2), of("B", 1), of("C", -3), of("D", 0), of("E", 9, true), of("F", null), { ...of("G", 1), quote: null }], ["fx"]);
  expect(seen).toMatchObject({ up: 2, down: 1, level: 1, stale: 1 });
  expect(seen?.rise?.symbol).toBe("A");
  expect(seen?.fall?.symbol).toBe("C");
  expect(glance([of("A", 2)], ["fx"])[0]?.fall).toBeNull();
});

test("symbols that the reader wants first come first, in the reader's order, and none that is not there", () => {
  expect(wantedFirst(["A", "B", "C", "D"], ["D", "X", "B"])).toEqual(["D", "B", "A", "C"]);
  expect(wantedFirst(["A", "B"], [])).toEqual(["A", "B"]);
});
