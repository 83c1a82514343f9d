// Which rows of the track record are worth the reader's time. Pure.
import type { HistoryItem, PerformanceRow } from "../api/types";

const OPEN_SHOWN_MAX = 4;
const DONE_SHOWN_MAX = 10;

/** The row for the horizon that is shown, else the nearest one that was measured. */
export function nearestRow(rows: readonly PerformanceRow[], horizon: number): PerformanceRow | null {
  return rows.reduce<PerformanceRow | null>((best, row) => {
    if (!best) return row;
    const [a, b] = [Math.abs(row.horizon - horizon), Math.abs(best.horizon - horizon)];
    if (row.n > 0 !== best.n > 0) return row.n > 0 ? row : best;
    return a < b ? row : best;
  }, null);
}

/** A few that are still open, then those that were resolved, newest first. Of several on the same bar the first counts. */
export function shownItems(items: readonly HistoryItem[]): HistoryItem[] {
  const first = new Map<string, HistoryItem>();
  for (const item of items) {
    const before = first.get(item.target);
    if (!before || Date.parse(item.issued_at) < Date.parse(before.issued_at)) first.set(item.target, item);
  }
  const rows = [...first.values()].sort((a, b) => Date.parse(b.target) - Date.parse(a.target));
  const open = rows.filter((i) => i.outcome === null).slice(-OPEN_SHOWN_MAX);
  const done = rows.filter((i) => i.outcome !== null).slice(0, DONE_SHOWN_MAX);
  return [...open, ...done];
}

/** The horizon among those measured that is nearest to the one shown; null where nothing was measured. */
export function nearestHorizon(rows: readonly { horizon: number }[], horizon: number): number | null {
  return rows.reduce<number | null>((best, row) => (best === null || Math.abs(row.horizon - horizon) < Math.abs(best - horizon) ? row.horizon : best), null);
}
