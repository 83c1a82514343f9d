// Past forecasts laid over what happened: as the ledger has them, never computed again. Pure.
import type { HistoryItem } from "../api/types";
import { seconds } from "./series";

export type Fate = "hit" | "miss" | "open";

export interface Claim {
  time: number; // of the bar that was forecast
  lower: number;
  median: number;
  upper: number;
  outcome: number | null;
  fate: Fate;
  item: HistoryItem;
}

/** Whether the outcome lies in the interval that is drawn; both ends are inside, as in the ledger. */
export function fateOf(item: HistoryItem): Fate {
  if (item.outcome === null) return "open";
  return item.lower <= item.outcome && item.outcome <= item.upper ? "hit" : "miss";
}

/**
 * One claim a bar, oldest first. Of several for the same bar the one that was recorded first counts: what was said later
 * knew more. Those without outcome for good are left out, and those that were recorded after it.
 */
export function claimsOf(items: readonly HistoryItem[]): Claim[] {
  const first = new Map<number, HistoryItem>();
  for (const item of items) {
    if (item.void !== null || (item.outcome !== null && !item.sealed)) continue;
    const time = seconds(item.target);
    const before = first.get(time);
    if (!before || Date.parse(item.issued_at) < Date.parse(before.issued_at)) first.set(time, item);
  }
  return [...first.entries()]
    .sort(([a], [b]) => a - b)
    .map(([time, item]) => ({ time, lower: item.lower, median: item.median, upper: item.upper, outcome: item.outcome, fate: fateOf(item), item }));
}

/** Those whose bar the chart has a place for. */
export function placed(claims: readonly Claim[], has: (time: number) => boolean): Claim[] {
  return claims.filter((claim) => has(claim.time));
}

export function tally(claims: readonly Claim[]): Record<Fate, number> {
  const counted: Record<Fate, number> = { hit: 0, miss: 0, open: 0 };
  for (const claim of claims) counted[claim.fate] += 1;
  return counted;
}
