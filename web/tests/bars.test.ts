import { describe, expect, test } from "vitest";
import type { Block, Candle, Candles } from "../src/api/types";
import { blockAt, candleAt, changeOf, followed, joinBlocks, joinGaps, lowerBound, newest, newestValues } from "../src/chart/bars";
import { mergeCandles, pointOf, seconds } from "../src/chart/series";

const hour = (n: number): string => new Date(Date.UTC(2024, 0, 1) + n * 3_600_000).toISOString().replace(".000Z", "Z");
const candle = (n: number, close = 100 + n, final = true): Candle => ({ start: hour(n), end: hour(n + 1), open: close - 1, high: close + 2, low: close - 2, close, volume: 5, final });

function block(from: number, to: number, source: string): Block {
  const provenance = { source, as_of: hour(to + 1), received_at: hour(to + 1), age_s: 0, stale: false, delay: "realtime" as const, derived: null, origin: source };
  return { from: hour(from), to: hour(to), rows: to - from + 1, provenance };
}

describe("blocks", () => {
  test("of one source that meet are one", () => {
    const joined = joinBlocks([block(0, 9, "a")], [block(10, 19, "a")]);
    expect(joined).toMatchObject([{ from: hour(0), to: hour(19), rows: 20 }]);
  });

  test("of two sources stay two, oldest first", () => {
    const joined = joinBlocks([block(0, 9, "a")], [block(10, 14, "b"), block(15, 19, "a")]);
    expect(joined.map((b) => [b.provenance.source, b.from])).toEqual([["a", hour(0)], ["b", hour(10)], ["a", hour(15)]]);
  });

  test("tell whose a bar is", () => {
    const blocks = [block(0, 9, "a"), block(10, 14, "b")];
    expect(blockAt(blocks, hour(9))?.provenance.source).toBe("a");
    expect(blockAt(blocks, hour(10))?.provenance.source).toBe("b");
    expect(blockAt(blocks, hour(-1))).toBeNull();
  });
});

describe("what changed", () => {
  const points = Array.from({ length: 100 }, (_, n) => pointOf(candle(n)));

  test("is nothing when every candle is the same object", () => {
    expect(changeOf(points, [...points]).kind).toBe("none");
  });

  test("is the last bar when it ticks, and those that come after it", () => {
    const ticked = { ...points[99]!, close: 1 };
    expect(changeOf(points, [...points.slice(0, 99), ticked])).toEqual({ kind: "tail", points: [ticked] });
    const next = { ...points[99]!, time: points[99]!.time + 3600 };
    expect(changeOf(points, [...points, next])).toEqual({ kind: "tail", points: [next] });
  });

  test("is everything when older bars come in front, or one in the middle differs", () => {
    expect(changeOf(points.slice(50), points).kind).toBe("all");
    expect(changeOf(points, points.map((p, n) => (n === 50 ? { ...p, close: 0 } : p))).kind).toBe("all");
    expect(changeOf([], points).kind).toBe("all");
    expect(changeOf(points, points.slice(0, 99)).kind).toBe("all");
  });

  test("does not take an empty slot for another", () => {
    expect(changeOf([{ time: 1 }, { time: 2 }], [{ time: 1 }, { time: 2 }]).kind).toBe("none");
  });
});

describe("a candle from the stream", () => {
  test("replaces the bar that forms, and comes after one that is over", () => {
    const forming = candle(1, 50, false);
    expect(followed([candle(0), forming], candle(1, 60))).toMatchObject({ candles: [{ close: 100 }, { close: 60, final: true }], ask: false });
    expect(followed([candle(0)], candle(1, 60, false))).toMatchObject({ candles: [{ close: 100 }, { close: 60, final: false }], ask: false });
  });

  test("is shown at once, and makes one ask where bars may be missing before it", () => {
    expect(followed([candle(0)], candle(2, 7, false))).toMatchObject({ candles: [{ close: 100 }, { close: 7 }], ask: true });
    expect(followed([candle(0), candle(1, 5, false)], candle(2))).toMatchObject({ candles: [{}, { close: 5 }, { close: 102 }], ask: true });
    // Once it is there, it may tick as often as it likes.
    expect(followed([candle(0), candle(2, 7, false)], candle(2, 8, false)).ask).toBe(false);
  });

  test("changes nothing by itself when it is older, one of several, or contradicts a bar that is over", () => {
    for (const [bars, told] of [[[candle(5)], candle(2)], [[candle(0)], { ...candle(1), rows: 3 }], [[candle(0)], candle(0, 7)], [[], candle(0)]] as const) {
      expect(followed(bars, told)).toEqual({ candles: bars, ask: true });
    }
  });

  test("never makes a bar that is over form again", () => {
    const bars = [candle(0)];
    expect(followed(bars, candle(0, 7, false))).toEqual({ candles: bars, ask: false });
  });

  test("outlives an answer that does not know it yet", () => {
    const kept = mergeCandles([candle(0), candle(1), candle(2, 9, false)], [candle(0), candle(1)]);
    expect(kept?.map((c) => c.close)).toEqual([100, 101, 9]);
  });
});

describe("looking up", () => {
  test("finds the candle that starts at a time, and none beside it", () => {
    const bars = [candle(0), candle(1), candle(3)];
    expect(candleAt(bars, seconds(hour(1)))).toBe(bars[1]);
    expect(candleAt(bars, seconds(hour(2)))).toBeNull();
    expect([0, 2, 3, 9].map((t) => lowerBound([1, 2, 3], t, (x) => x))).toEqual([0, 1, 2, 3]);
  });

  test("keeps each gap once", () => {
    const gap = { from: hour(1), to: hour(2), cause: "not_delivered", state: "open" };
    expect(joinGaps([gap], [{ ...gap }, { ...gap, to: hour(3) }])).toHaveLength(2);
  });
});

describe("a page that stays open", () => {
  const bars = (from: number, to: number): Candle[] => Array.from({ length: to - from }, (_, i) => candle(from + i));
  const gap = (from: number, to: number) => ({ from: hour(from), to: hour(to) }) as Candles["gaps"][number];
  const all = (n: number): Candles => ({ candles: bars(0, n), gaps: [gap(3, 5), gap(60, 70)], blocks: [block(0, 9, "a"), block(10, n - 1, "b")] }) as unknown as Candles;

  test("keeps every bar while there are few", () => {
    const few = all(109);
    expect(newest(few, 100)).toBe(few);
  });

  test("loses the oldest bars, and what belongs to them, once there are clearly more than it keeps", () => {
    const kept = newest(all(111), 100);
    expect(kept.candles.map((one) => one.start)).toEqual(bars(11, 111).map((one) => one.start));
    expect(kept.gaps).toEqual([gap(60, 70)]);
    expect(kept.blocks.map((one) => one.provenance.source)).toEqual(["b"]);
  });

  test("holds no more bars than it may, however many come", () => {
    let now = { candles: [] as Candle[], gaps: [], blocks: [] } as unknown as Candles;
    let most = 0;
    for (let n = 0; n < 3_000; n += 1) {
      now = newest({ ...now, candles: [...followed(now.candles, candle(n)).candles, ...(n === 0 ? [candle(0)] : [])] }, 200);
      most = Math.max(most, now.candles.length);
    }
    expect(most).toBeLessThanOrEqual(221);
    expect(now.candles.at(-1)?.start).toBe(hour(2_999));
  });

  test("loses the oldest values of its indicators", () => {
    const values = new Map(Array.from({ length: 111 }, (_, i) => [i, { ema: i }]));
    expect([...newestValues(values, 100).keys()]).toEqual(Array.from({ length: 100 }, (_, i) => i + 11));
    expect(newestValues(values, 111)).toBe(values);
  });
});
