import { describe, expect, test } from "vitest";
import { apart, marks, rebased, type Series } from "../src/compare/rebase";

const line = (symbol: string, ...points: [number, number][]): Series => ({ symbol, points });

describe("prices on one scale", () => {
  test("begin together, where the youngest begins", () => {
    const found = rebased([line("old", [0, 50], [10, 100], [20, 110], [30, 120]), line("new", [15, 2], [30, 1])]);
    expect([found?.from, found?.to]).toEqual([15, 30]);
    expect(found?.lines.map(({ points }) => points[0])).toEqual([[15, 0], [15, 0]]);
    expect(found?.lines.map(({ points }) => points.at(-1)?.[1])).toEqual([expect.closeTo(0.2, 9), -0.5]);
  });
  test("say who is missing and why", () => {
    const found = rebased([line("fine", [0, 1], [9, 2]), line("oil", [0, 20], [5, -37]), line("empty"), line("early", [-9, 1], [-5, 1])]);
    expect(found?.lines.map(({ symbol }) => symbol)).toEqual(["fine"]);
    expect(found?.left.map(({ symbol }) => symbol).sort()).toEqual(["early", "empty", "oil"]);
    expect(rebased([line("empty")])).toBeNull();
  });
  test("are no more than a screen shows, the last among them", () => {
    const points = Array.from({ length: 5_000 }, (_, i): [number, number] => [i, 1 + i]);
    const [found] = rebased([line("long", ...points)])?.lines ?? [];
    expect(found?.points).toHaveLength(400);
    expect(found?.points.at(-1)).toEqual([4_999, 4_999]);
  });
});

test("marks are round and within the scale", () => {
  expect(marks(-0.31, 0.52)).toEqual([-0.2, 0, 0.2, 0.4]);
  expect(marks(0, 0)).toEqual([0]);
  expect(marks(-0.0001, 0.0011).every((at) => at >= -0.0001 && at <= 0.0011)).toBe(true);
});

test("labels keep their distance and their order, and stay inside", () => {
  expect(apart([10, 12, 50], 5)).toEqual([10, 15, 50]);
  expect(apart([99, 98, 10], 6)).toEqual([100, 94, 10]);
});
