import { describe, expect, test } from "vitest";
import type { HistoryItem } from "../src/api/types";
import { claimsOf, fateOf, placed, tally } from "../src/chart/claims";

const hour = (n: number): string => new Date(Date.UTC(2024, 0, 1) + n * 3_600_000).toISOString().replace(".000Z", "Z");

function said(target: number, outcome: number | null, more: Partial<HistoryItem> = {}): HistoryItem {
  return { id: `${target} ${more.issued_at ?? ""}`, issued_at: hour(target), step: 1, target: hour(target), median: 10, lower: 8, upper: 12, outcome, crps: null, crps_naive: null, inside: null, sealed: true, void: null, mode: "replay", model: "naive", ...more };
}

describe("past forecasts", () => {
  test("hit up to both ends of the interval that is drawn, and miss beyond", () => {
    expect([8, 12, 7.99, 12.01, null].map((outcome) => fateOf(said(0, outcome)))).toEqual(["hit", "hit", "miss", "miss", "open"]);
  });

  test("are drawn oldest first, one a bar: the one that was issued first", () => {
    const claims = claimsOf([said(2, 9), said(1, 20, { issued_at: hour(0), median: 1 }), said(1, 20)]);
    expect(claims.map((c) => [c.time, c.median])).toEqual([[Date.parse(hour(1)) / 1000, 1], [Date.parse(hour(2)) / 1000, 10]]);
    expect(tally(claims)).toEqual({ hit: 1, miss: 1, open: 0 });
  });

  test("recorded after the outcome, or void, are not drawn", () => {
    expect(claimsOf([said(1, 9, { sealed: false }), said(2, null, { void: "no bar came" })])).toEqual([]);
  });

  test("need a place on the axis", () => {
    const claims = claimsOf([said(1, 9), said(2, 9)]);
    expect(placed(claims, (time) => time === Date.parse(hour(2)) / 1000)).toHaveLength(1);
  });
});
