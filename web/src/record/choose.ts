// Which rows of the track record are worth the reader's time. Pure.
import type { HistoryItem, PerformanceRow } from "../api/types";

const OPEN_SHOWN_MAX = 4;
const SHOWN_MAX = 14;

/** The row for the horizon that is shown, else the nearest one that was measured. */
export function nearestRow(rows: readonly PerformanceRow[], horizon: number): PerformanceRow | null {
  return rows.reduce<PerformanceRow | null>((best, row) => {
    if (!best) return row;
    const [a, b] = [Math.abs(row.horizon - horizon), Math.abs(best.horizon - horizon)];
    if (row.n > 0 !== best.n > 0) return row.n > 0 ? row : best;
    return a < b ? row : best;
  }, null);
}

/** A few that are still open, then those that were resolved, newest first. */
export function shownItems(items: readonly HistoryItem[]): HistoryItem[] {
  const open = items.filter((i) => i.outcome === null).sort((a, b) => Date.parse(a.target) - Date.parse(b.target));
  const done = items.filter((i) => i.outcome !== null);
  return [...open.slice(0, OPEN_SHOWN_MAX).reverse(), ...done].slice(0, SHOWN_MAX);
}
