import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FOLLOWED_MAX, followedOf, Sight } from "../src/markets/sight";

const named = (n: number): string[] => Array.from({ length: n }, (_, i) => `S${String(i).padStart(4, "0")}`);

describe("what a table follows", () => {
  test("is everything while a connection has room for it", () => {
    expect(followedOf(named(FOLLOWED_MAX), [])).toEqual(named(FOLLOWED_MAX));
  });
  test("is what is on the screen where there is more, and never more than a connection takes", () => {
    const all = named(1_000);
    expect(followedOf(all, [])).toEqual([]);
    expect(followedOf(all, ["S0007", "gone", "S0900"])).toEqual(["S0007", "S0900"]);
    expect(followedOf(all, all)).toHaveLength(FOLLOWED_MAX);
  });
});

describe("what is on the screen", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("is told when scrolling has settled, at most four times a second", () => {
    const sight = new Sight();
    let told = 0;
    const stop = sight.symbols.subscribe(() => void (told += 1));
    for (const symbol of named(100)) {
      sight.move(symbol, true);
      vi.advanceTimersByTime(10);
    }
    expect(told).toBeLessThanOrEqual(5); // once when asked, then in a second
    vi.advanceTimersByTime(1_000);
    expect(sight.symbols.value).toEqual(named(100));
    stop();
  });
  test("is no news where a row went and came back", () => {
    const sight = new Sight();
    sight.move("B", true);
    sight.move("A", true);
    vi.advanceTimersByTime(1_000);
    const before = sight.symbols.value;
    expect(before).toEqual(["A", "B"]);
    sight.move("A", false);
    sight.move("A", true);
    vi.advanceTimersByTime(1_000);
    expect(sight.symbols.value).toBe(before);
  });
});
