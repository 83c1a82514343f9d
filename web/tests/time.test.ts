import { describe, expect, test } from "vitest";
import { age, barLabel, intervalSeconds, momentUtc, steps } from "../src/format/time";

describe("times", () => {
  test("label a session by its date in every zone", () => {
    expect(barLabel("2021-01-04T00:00:00Z", "1d")).toBe("Mon 4 Jan 2021");
    expect(barLabel("2021-01-04T00:00:00Z", "1w")).toBe("week of Mon 4 Jan 2021");
  });

  test("label months and quarters by their period", () => {
    expect(barLabel("2021-01-01T00:00:00Z", "1mo")).toBe("Jan 2021");
    expect(barLabel("2021-04-01T00:00:00Z", "1q")).toBe("Q2 2021");
  });

  test("show intraday bars in the reader's zone, half hours included", () => {
    expect(barLabel("2021-01-04T14:00:00Z", "1h", "America/New_York")).toBe("Mon 4 Jan 09:00");
    expect(barLabel("2021-01-04T14:00:00Z", "1h", "Asia/Kolkata")).toBe("Mon 4 Jan 19:30");
  });

  test("say UTC when they are", () => {
    expect(momentUtc("2021-01-04T14:05:00Z")).toBe("4 Jan 2021, 14:05 UTC");
  });

  test("say an age in the unit that matters", () => {
    const hour = 3600;
    expect([5, 90, 2 * hour, 47 * hour, 72 * hour, 200 * 24 * hour, 3 * 365.25 * 24 * hour, -4].map(age)).toEqual([
      "5 s", "1 min", "2 h", "47 h", "3 d", "6 mo", "3 y", "0 s",
    ]);
  });

  test("count steps in sessions where a market closes", () => {
    expect(steps(10, "1d", "XNYS")).toBe("10 trading days");
    expect(steps(1, "1h", "24/7")).toBe("1 hour");
    expect(steps(3, "1mo", "US-CPI")).toBe("3 months");
  });

  test("know how long an interval is", () => {
    expect(["1m", "1h", "4h", "1d", "1mo", "nonsense"].map(intervalSeconds)).toEqual([60, 3600, 14400, 86400, 2629746, 86400]);
  });
});
