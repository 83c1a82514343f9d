import { describe, expect, test } from "vitest";
import type { HistoryItem, PerformanceRow } from "../src/api/types";
import { retryAfter } from "../src/api/client";
import { errorOf, scaleFor, words } from "../src/parts/calibration";
import { fromSlider, toSlider } from "../src/parts/horizon";
import { nearestRow, shownItems } from "../src/record/choose";
import { rangeOf } from "../src/record/range";

const row = (horizon: number, n: number): PerformanceRow => ({ horizon, n }) as PerformanceRow;
const item = (target: number, outcome: number | null): HistoryItem =>
  ({ id: String(target), step: 1, issued_at: new Date(0).toISOString(), target: new Date(target * 86_400_000).toISOString(), outcome }) as HistoryItem;

describe("the row that is shown", () => {
  test("is that of the chosen horizon, or the nearest that was measured", () => {
    expect(nearestRow([row(1, 9), row(5, 9), row(10, 9)], 10)?.horizon).toBe(10);
    expect(nearestRow([row(1, 9), row(5, 9), row(10, 9)], 7)?.horizon).toBe(5);
    expect(nearestRow([row(1, 9), row(10, 0)], 10)?.horizon).toBe(1);
    expect(nearestRow([], 10)).toBeNull();
  });
});

describe("the list of forecasts", () => {
  test("shows those about to mature next to those that did, not a page of open ones", () => {
    const items = [...Array.from({ length: 24 }, (_, k) => item(100 - k, null)), item(76, 1), item(75, 1)];
    const shown = shownItems(items);
    expect(shown.filter((i) => i.outcome === null).map((i) => i.id)).toEqual(["80", "79", "78", "77"]);
    expect(shown.slice(4).map((i) => i.id)).toEqual(["76", "75"]);
  });
});

describe("of several forecasts on the same bar", () => {
  test("only the first is shown, as only the first counts", () => {
    const late = { ...item(5, 1), id: "late", issued_at: new Date(9_000).toISOString() };
    const early = { ...item(5, 1), id: "early" };
    expect(shownItems([late, early]).map((i) => i.id)).toEqual(["early"]);
  });
});

describe("calibration in words", () => {
  const at = (level: number, measured: number, se = 0.01) => ({ level, measured, se });
  test("does not call noise a fault", () => {
    expect(words([at(0.8, 0.81), at(0.9, 0.885)])).toContain("within sampling error");
  });
  test("names the levels that are off, and the side", () => {
    const said = words([at(0.5, 0.6), at(0.9, 0.8)]);
    expect(said).toContain("too narrow at 90");
    expect(said).toContain("too wide at 50");
  });
  test("does not take a clean sweep for certainty", () => {
    expect(errorOf({ level: 0.95, measured: 1, n: 480, se: 0 }, 24)).toBeCloseTo(Math.sqrt((0.95 * 0.05) / 20));
    expect(errorOf({ level: 0.95, measured: 1, n: 1, se: null }, 5)).toBeCloseTo(Math.sqrt(0.95 * 0.05));
    expect(errorOf({ level: 0.8, measured: 0.81, n: 480, se: 0.03 }, 24)).toBe(0.03);
  });
  test("is drawn on a scale that holds the error bars", () => {
    expect(scaleFor([at(0.8, 0.81)])).toBe(0.05);
    expect(scaleFor([at(0.8, 0.7, 0.02)])).toBe(0.2);
    expect(scaleFor([at(0.8, 0.1, 0.3)])).toBe(1);
  });
});

describe("the horizon slider", () => {
  test("reaches every end and gives the first steps most room", () => {
    expect([fromSlider(0), fromSlider(1000)]).toEqual([1, 168]);
    for (const steps of [1, 5, 10, 24, 168]) expect(fromSlider(toSlider(steps))).toBe(steps);
    expect(toSlider(24)).toBeGreaterThan(300);
  });
});

describe("Retry-After", () => {
  test("is read as seconds or as a date", () => {
    expect([retryAfter("7"), retryAfter(null), retryAfter("soon")]).toEqual([7, null, null]);
    expect(retryAfter(new Date(Date.now() + 5_000).toUTCString())).toBeGreaterThan(2);
  });
});

describe("where outcomes fell", () => {
  test("is drawn within its plot, however few they are", () => {
    for (const counts of [[1, 0, 0, 0], Array<number>(20).fill(1), [0, 3, 1, 0, 2, 0, 0, 0, 1, 0], Array<number>(20).fill(500)]) {
      const { least, usual, top } = rangeOf(counts);
      expect(top).toBeGreaterThanOrEqual(Math.max(...counts, usual));
      expect(least).toBeGreaterThanOrEqual(0);
      expect(least).toBeLessThan(usual);
    }
  });
});
