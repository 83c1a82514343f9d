import { afterEach, describe, expect, test } from "vitest";
import { choose } from "../src/format/choice";
import { change, changePercent, compact, count, level, percent, price } from "../src/format/numbers";
import { barLabel, barLabelShort, bannerTime, moment, momentUtc, spanLabel, zoneLabel } from "../src/format/time";
import { DEFAULT_PREFS, parsePrefs, prefer, prefs, storageBlocked } from "../src/state/prefs";

const AT = "2021-01-04T12:05:00Z";

afterEach(() => choose({ zone: null, numbers: "point" }));

describe("the chosen time zone", () => {
  test("may be half an hour or a quarter off", () => {
    choose({ zone: "Asia/Kolkata", numbers: "point" });
    expect(moment(AT)).toBe("4 Jan 2021, 17:35");
    choose({ zone: "Asia/Kathmandu", numbers: "point" });
    expect(moment(AT)).toBe("4 Jan 2021, 17:50");
    choose({ zone: "Australia/Adelaide", numbers: "point" });
    expect(barLabelShort(AT, "1h")).toBe("4 Jan 22:35");
  });
  test("moves hours and never sessions, periods or what says UTC", () => {
    choose({ zone: "America/St_Johns", numbers: "point" });
    expect(barLabel(AT, "1h")).toBe("Mon 4 Jan 08:35");
    expect(barLabel("2021-01-04T00:00:00Z", "1d")).toBe("Mon 4 Jan 2021");
    expect(momentUtc(AT)).toBe("4 Jan 2021, 12:05 UTC");
    expect(bannerTime(Date.parse(AT))).toBe("Mon 4 Jan 2021, 12:05 UTC");
    expect(spanLabel("2021-01-04T00:00:00Z", "week")).toBe("week of 4 Jan 2021");
  });
  test("is named with its offset", () => {
    expect(zoneLabel("Asia/Kolkata", 0)).toBe("Asia/Kolkata, UTC+5:30");
    expect(zoneLabel("America/St_Johns", Date.parse(AT))).toBe("America/St_Johns, UTC\u22123:30");
  });
});

describe("the chosen number format", () => {
  test("is that of every number", () => {
    choose({ zone: null, numbers: "comma" });
    expect(price(1234.5, 0.01)).toBe("1.234,50");
    expect(change(-0.0012, 0.0001)).toBe("\u22120,0012");
    expect(changePercent(0.0123)).toBe("+1,23\u2009%");
    expect(level(0.995)).toBe("99,5\u2009%");
    choose({ zone: null, numbers: "swiss" });
    expect(count(1234567)).toMatch(/^1['\u2019]234['\u2019]567$/);
    choose({ zone: null, numbers: "indian" });
    expect(count(1234567)).toBe("12,34,567");
  });
  test("keeps its minus and its zero", () => {
    choose({ zone: null, numbers: "space" });
    expect(change(-1234.5, 0.1)).toMatch(/^\u22121\s234,5$/);
    expect(change(-0.00001, 0.01)).toBe("0,00");
    expect(percent(0.5)).toBe("50\u2009%");
    expect(compact(1200)).toMatch(/^1,2/);
  });
});

describe("what is kept", () => {
  test("is read back, and nonsense falls back to the default", () => {
    const said = { zone: "Asia/Kolkata", numbers: "comma", firstClass: "fx", firstSymbols: ["SPY", "EUR-USD", "SPY"] };
    expect(parsePrefs(JSON.stringify(said))).toEqual({ ...said, firstSymbols: ["SPY", "EUR-USD"] });
    for (const text of [null, "", "{", "null", "7", '{"zone":"Mars/Olympus","numbers":"toString","firstClass":3,"firstSymbols":"SPY"}']) {
      expect(parsePrefs(text)).toEqual(DEFAULT_PREFS);
    }
  });
  test("holds for the session where nothing can be kept, and that is known", () => {
    expect(storageBlocked.value).toBe(true); // there is no storage in this test
    prefer({ zone: "Asia/Kolkata" });
    expect(prefs.value.zone).toBe("Asia/Kolkata");
    expect(moment(AT)).toBe("4 Jan 2021, 17:35");
    prefer({ firstClass: "fx" });
    expect(prefs.value).toEqual({ ...DEFAULT_PREFS, zone: "Asia/Kolkata", firstClass: "fx" });
    prefer(DEFAULT_PREFS);
  });
});
