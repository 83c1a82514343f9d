import { describe, expect, test } from "vitest";
import type { Candle, Forecast, ForecastStep } from "../src/api/types";
import { askedSteps, blend, boundsAt, fanPoints, GAP_SLOTS_MAX, isLine, mergeCandles, probabilityAbove, quantile, sameShape, shownLevels, upTo, withGaps } from "../src/chart/series";

const hour = (n: number): string => new Date(Date.UTC(2024, 0, 1) + n * 3_600_000).toISOString().replace(".000Z", "Z");

function candle(n: number, close = 100 + n, flat = false): Candle {
  return { start: hour(n), end: hour(n + 1), open: flat ? close : close - 1, high: flat ? close : close + 2, low: flat ? close : close - 2, close, volume: null, final: true };
}

function forecast(steps: number): Forecast {
  const provenance = { source: "sample", as_of: hour(5), received_at: hour(5), age_s: 0, stale: false, delay: "realtime" as const, derived: null, origin: "x" };
  return {
    id: "1", recorded: true, symbol: "BTC-USDT", interval: "1h", horizon: steps, requested_model: "auto", model: "ewma_walk", model_version: "1",
    feature_set: "close", data_fingerprint: "f", mode: "replay", issued_at: hour(5), as_of: hour(5),
    anchor: { price: 104, bar_start: hour(4), at: hour(5), provenance },
    steps: Array.from({ length: steps }, (_, k) => ({
      step: k + 1, target: hour(5 + k), target_end: hour(6 + k), median: 104,
      intervals: [
        { level: 0.5, lower: 103 - k, upper: 105 + k },
        { level: 0.95, lower: 100 - k, upper: 108 + k },
      ],
      quantiles: { "0.05": 100, "0.5": 104, "0.95": 110 },
    })) as ForecastStep[],
    coverage: [], skill: { verdict: "none", crps_ratio: null, p_value: null, n: 0 }, weights: null, auto: null, explanation: null, currency: "USDT", tick: 0.01,
  };
}

describe("gaps", () => {
  test("become empty slots, one per missing bar, with nothing drawn through them", () => {
    const candles = [candle(0), candle(1), candle(5), candle(6)];
    const { points, bands } = withGaps(candles, [{ from: hour(2), to: hour(4), cause: "hole", state: "open" }], "1h");
    expect(points.map((p) => "close" in p)).toEqual([true, true, false, false, false, true, true]);
    expect(bands).toHaveLength(1);
    expect(points.map((p) => p.time)).toEqual([...points.map((p) => p.time)].sort((a, b) => a - b));
  });

  test("of one bar take one slot", () => {
    const { points } = withGaps([candle(0), candle(2)], [{ from: hour(1), to: hour(1), cause: "hole", state: "open" }], "1h");
    expect(points).toHaveLength(3);
    expect(points[1]).toEqual({ time: Date.parse(hour(1)) / 1000 });
  });

  test("of months stay narrow enough to see what is around them", () => {
    const { points } = withGaps([candle(0), candle(3000)], [{ from: hour(1), to: hour(2999), cause: "hole", state: "open" }], "1h");
    expect(points).toHaveLength(2 + GAP_SLOTS_MAX);
    expect(new Set(points.map((p) => p.time)).size).toBe(points.length);
  });

  test("before the first and after the last bar draw nothing", () => {
    const gaps = [
      { from: hour(-9), to: hour(-5), cause: "hole", state: "open" },
      { from: hour(2), to: hour(9), cause: "hole", state: "open" },
    ];
    expect(withGaps([candle(0), candle(1)], gaps, "1h").points).toHaveLength(2);
  });

  test("never displace a bar that is there", () => {
    const { points } = withGaps([candle(0), candle(1), candle(2)], [{ from: hour(1), to: hour(1), cause: "hole", state: "healed" }], "1h");
    expect(points.every((p) => "close" in p)).toBe(true);
  });
});

describe("the shape of the past", () => {
  test("is a line where bars hold one number, candles otherwise", () => {
    expect(isLine([candle(0, 1, true), candle(1, 2, true)])).toBe(true);
    expect(isLine([candle(0), candle(1)])).toBe(false);
    expect(isLine([])).toBe(false);
  });
});

describe("the fan", () => {
  test("opens at the last known price without any width", () => {
    const [anchor] = fanPoints(forecast(3), 0.8);
    expect(anchor).toMatchObject({ step: 0, median: 104 });
    expect(anchor?.bands.every((b) => b.lower === 104 && b.upper === 104)).toBe(true);
  });

  test("draws the widest band first, so that none hides another", () => {
    expect(fanPoints(forecast(2), 0.8)[1]?.bands.map((b) => b.level)).toEqual([0.95, 0.8, 0.5]);
  });

  test("moves through everything between two fans and arrives exactly", () => {
    const from = fanPoints(forecast(3), 0.8);
    const to = fanPoints(forecast(3), 0.8).map((p) => ({ ...p, median: p.median + 10 }));
    expect(blend(from, to, 0.5)[2]?.median).toBe(109);
    expect(blend(from, to, 1)).toEqual(to);
    expect(sameShape(from, to)).toBe(true);
    expect(sameShape(from, fanPoints(forecast(4), 0.8))).toBe(false);
  });

  test("is cut from what the server seals by itself, up to 24 steps", () => {
    expect([1, 24, 25, 168].map(askedSteps)).toEqual([24, 24, 168, 168]);
    expect(upTo(forecast(24), 10)).toMatchObject({ horizon: 10, steps: { length: 10 } });
  });

  test("has its own three levels and the reader's", () => {
    expect(shownLevels(0.9)).toEqual([0.5, 0.8, 0.9, 0.95]);
    expect(shownLevels(0.8)).toEqual([0.5, 0.8, 0.95]);
  });
});

describe("an interval at any level", () => {
  const step = forecast(1).steps[0] as ForecastStep;
  test("is what the server said, where it said it", () => {
    expect(boundsAt(step, 0.95)).toEqual({ level: 0.95, lower: 100, upper: 108 });
  });
  test("is read off the quantiles otherwise, linear between them", () => {
    const bounds = boundsAt(step, 0.45);
    expect([bounds?.lower, bounds?.upper]).toEqual([expect.closeTo(102), expect.closeTo(107)]);
    expect(quantile(step, 0.05)).toBe(100);
  });
  test("does not exist beyond the outermost quantiles", () => {
    expect(boundsAt(step, 0.99)).toBeNull();
  });
});

describe("the probability of ending higher", () => {
  const step = forecast(1).steps[0] as ForecastStep;
  test("is read off the quantiles, linear between them", () => {
    expect(probabilityAbove(step, 104)).toBeCloseTo(0.5);
    expect(probabilityAbove(step, 102)).toBeCloseTo(0.725);
  });
  test("claims nothing beyond the outermost quantiles", () => {
    expect(probabilityAbove(step, 1)).toBeCloseTo(0.95);
    expect(probabilityAbove(step, 999)).toBeCloseTo(0.05);
    expect(probabilityAbove({ ...step, quantiles: {} }, 104)).toBeNull();
  });
});

describe("new bars", () => {
  test("replace what was still forming and follow what was closed", () => {
    const forming = { ...candle(2, 50), final: false };
    const merged = mergeCandles([candle(0), candle(1), forming], [candle(1), candle(2, 60), candle(3)]);
    expect(merged?.map((c) => c.close)).toEqual([100, 101, 60, 103]);
  });

  test("that contradict a closed bar mean that all must be read again", () => {
    expect(mergeCandles([candle(0), candle(1)], [candle(1, 55)])).toBeNull();
  });

  test("may be none", () => {
    expect(mergeCandles([candle(0)], [])).toHaveLength(1);
  });
});
