import { describe, expect, test } from "vitest";
import { fromLocalInput, stepBack, stepForward, toLocalInput, windowAfter, type Ended } from "../src/state/moments";

const day = (n: number): string => `2021-01-${String(n).padStart(2, "0")}T16:00:00Z`;
const bar = (n: number, final = true): Ended => ({ start: `2021-01-${String(n).padStart(2, "0")}T00:00:00Z`, end: day(n), final });

describe("stepping through time", () => {
  test("goes back to when the last known bar ended, then to the one before it", () => {
    const bars = [bar(4), bar(5), bar(6), bar(7, false)];
    expect(stepBack(bars, null)).toBe(day(6));
    expect(stepBack(bars.slice(0, 3), day(6))).toBe(day(5));
    expect(stepBack(bars.slice(0, 2), "2021-01-05T18:30:00Z")).toBe(day(5));
    expect(stepBack([bar(4)], day(4))).toBeNull();
  });

  test("goes forward over a weekend, and never beyond the present", () => {
    const told = [bar(7), bar(8), bar(11)];
    expect(stepForward(told, day(8), Date.parse(day(12)))).toBe(day(11));
    expect(stepForward(told, day(8), Date.parse(day(10)))).toBeNull();
    expect(stepForward(told, day(11), Date.parse(day(31)))).toBeNull();
  });

  test("looks far enough for the next bar", () => {
    const { start, end } = windowAfter(day(8), "1d");
    expect(Date.parse(start)).toBeLessThan(Date.parse(day(8)));
    expect(Date.parse(end) - Date.parse(day(8))).toBeGreaterThan(10 * 86_400_000);
    expect(Date.parse(windowAfter(day(8), "1q").end) - Date.parse(day(8))).toBeGreaterThan(92 * 86_400_000);
  });
});

describe("the date picker", () => {
  test("shows the reader's clock, also with half an hour, and gives UTC back", () => {
    expect(toLocalInput("2021-01-05T16:00:00Z", "Asia/Kolkata")).toBe("2021-01-05T21:30");
    expect(fromLocalInput("2021-01-05T21:30", "Asia/Kolkata")).toBe("2021-01-05T16:00:00Z");
  });

  test("goes there and back on both sides of a change of clocks", () => {
    for (const moment of ["2021-03-28T00:30:00Z", "2021-03-28T01:30:00Z", "2021-10-31T03:00:00Z", "2021-07-01T12:00:00Z"]) {
      expect(fromLocalInput(toLocalInput(moment, "Europe/Berlin"), "Europe/Berlin")).toBe(moment);
    }
  });

  test("gives nothing for what is no time", () => {
    expect([fromLocalInput("", "UTC"), fromLocalInput("tomorrow", "UTC")]).toEqual([null, null]);
  });
});
