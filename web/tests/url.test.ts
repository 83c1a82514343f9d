import { describe, expect, test } from "vitest";
import { clampHorizon, clampLevel, DEFAULT_VIEW, formatView, parseView, type View } from "../src/state/url";

describe("the view in the URL", () => {
  test("goes there and back", () => {
    const view: View = { symbol: "^VIX", interval: "1w", horizon: 24, level: 0.95, model: "naive", adjust: "raw" };
    expect(parseView(formatView(view))).toEqual(view);
    expect(parseView(formatView(DEFAULT_VIEW))).toEqual(DEFAULT_VIEW);
  });

  test("does not spell out what is default", () => {
    expect(formatView(DEFAULT_VIEW)).toBe("?symbol=EUR-USD");
  });

  test("falls back from nonsense instead of failing", () => {
    expect(parseView("?symbol=&horizon=x&level=2000&adjust=maybe&model=")).toEqual(DEFAULT_VIEW);
    expect(parseView(`?symbol=${"A".repeat(500)}`).symbol).toHaveLength(64);
  });

  test("keeps a horizon whole and within 168 steps", () => {
    expect(["1", "168", "169", "0", "1.5", "-3", "x", "", null].map(clampHorizon)).toEqual([1, 168, 168, null, null, null, null, null, null]);
  });

  test("understands a level as a share or a percentage, and refuses what no sample supports", () => {
    expect(["0.8", "80", "80 %", "99.5", ".9"].map(clampLevel)).toEqual([0.8, 0.8, 0.8, 0.995, 0.9]);
    expect(["0", "1", "1.2", "100", "99.9", "x", "", null].map(clampLevel)).toEqual([null, null, null, null, null, null, null, null]);
  });
});
