// What is known of every instrument at the moment: one signal each, so that a price redraws its own cells and no more.
import { batch, signal, type Signal } from "@preact/signals";
import type { Forecast, Prices, SymbolItem } from "../api/types";
import type { MarketRow, Quote } from "./rows";
import { said } from "./rows";

export interface Cell {
  quote: Signal<Quote | null>;
  /** Why there is no price. */
  failure: Signal<string | null>;
  forecast: Signal<Forecast | null>;
}

export class Board {
  /** Whether prices have been asked for and answered: until then a row without one waits. */
  readonly answered = signal(false);
  readonly #cells = new Map<string, Cell>();
  readonly #anew = new Set<string>();

  cell(symbol: string): Cell {
    let found = this.#cells.get(symbol);
    if (!found) {
      found = { quote: signal(null), failure: signal(null), forecast: signal(null) };
      this.#cells.set(symbol, found);
    }
    return found;
  }

  row(item: SymbolItem): MarketRow {
    const { quote, failure, forecast } = this.cell(item.symbol);
    return { ...item, quote: quote.peek(), failure: failure.peek(), forecast: forecast.peek() };
  }

  /** A price that was asked for may be older than one that came by itself meanwhile. */
  prices({ items, errors }: Prices): void {
    batch(() => {
      for (const item of items) {
        const before = this.cell(item.symbol).quote.peek();
        const newer = !before || Date.parse(item.provenance.as_of) >= Date.parse(before.provenance.as_of);
        if (newer || this.#anew.has(item.symbol)) this.quote(item);
      }
      this.answered.value = true;
      for (const { symbol, detail } of errors) this.cell(symbol).failure.value = detail;
    });
  }

  quote(item: Quote): void {
    const cell = this.cell(item.symbol);
    cell.quote.value = item;
    cell.failure.value = null;
    this.#anew.delete(item.symbol);
  }

  /** Forecasts in any order and of any interval; `whole` is all that there is, and may be older than what was shown. */
  forecasts(items: readonly Forecast[], known: readonly SymbolItem[], { whole = false } = {}): void {
    const intervals = new Map(known.map((item) => [item.symbol, item.intervals]));
    const best = new Map<string, Forecast>();
    for (const item of items) {
      const of = intervals.get(item.symbol);
      if (!of) continue;
      const before = best.get(item.symbol) ?? (whole ? null : this.cell(item.symbol).forecast.peek());
      best.set(item.symbol, said(before, item, of));
    }
    batch(() => {
      for (const [symbol, forecast] of best) this.cell(symbol).forecast.value = forecast;
    });
  }

  /** The server's counting, or its time, began anew: what was known is no measure of what comes. */
  anew(symbol: string): void {
    this.#anew.add(symbol);
  }
}
