import { describe, expect, test } from "vitest";
import { clampHorizon, clampLevel, DEFAULT_VIEW, formatView, momentOf, parseView, type View } from "../src/state/url";

describe("the view in the URL", () => {
  test("goes there and back", () => {
    const view: View = {
      symbol: "^VIX", interval: "1w", horizon: 24, level: 0.95, model: "naive", adjust: "raw", kind: "line", volume: false, past: false, step: 3,
      draw: ["sma_20", "macd"], range: "max", asOf: "2021-01-05T16:00:00Z", again: true,
    };
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

  test("names a moment in UTC, whatever zone it was spelled in", () => {
    expect(parseView("?symbol=A&as_of=2021-01-05T17:00:00%2B01:00").asOf).toBe("2021-01-05T16:00:00Z");
    expect(parseView("?symbol=A&as_of=2021-01-05").asOf).toBe("2021-01-05T00:00:00Z");
    expect(["yesterday", "2021-01-05T17:00:00", "1609459200", "2021-13-01", "", null].map(momentOf)).toEqual([null, null, null, null, null, null]);
  });

  test("draws a few columns by their names, each once", () => {
    expect(parseView("?symbol=A&draw=sma_20,sma_20,,%3Cb%3E,rsi_14").draw).toEqual(["sma_20", "rsi_14"]);
    expect(parseView(`?symbol=A&draw=${Array.from({ length: 40 }, (_, i) => `sma_${i}`).join(",")}`).draw).toHaveLength(8);
  });

  test("does not carry a recomputation into the present", () => {
    expect(formatView({ ...DEFAULT_VIEW, again: true })).toBe("?symbol=EUR-USD");
  });

  test("keeps a horizon whole and within 168 steps", () => {
    expect(["1", "168", "169", "0", "1.5", "-3", "x", "", null].map(clampHorizon)).toEqual([1, 168, 168, null, null, null, null, null, null]);
  });

  test("understands a level as a share or a percentage, and refuses what no sample supports", () => {
    expect(["0.8", "80", "80 %", "99.5", ".9"].map(clampLevel)).toEqual([0.8, 0.8, 0.8, 0.995, 0.9]);
    expect(["0", "1", "1.2", "100", "99.9", "x", "", null].map(clampLevel)).toEqual([null, null, null, null, null, null, null, null]);
  });
});
