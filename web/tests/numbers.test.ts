import { describe, expect, test } from "vitest";
import { change, changePercent, decimalsOf, level, percent, price, pValue, range, score, significant } from "../src/format/numbers";

describe("numbers", () => {
  test("take their decimals from the tick", () => {
    expect([0.0001, 0.01, 0.25, 1, 5, 0.00001, 0.5].map(decimalsOf)).toEqual([4, 2, 2, 0, 0, 5, 1]);
    expect(price(1.08123456, 0.0001)).toBe("1.0812");
    expect(price(51486.8, 0.01)).toBe("51,486.80");
    expect(price(109.2, 0.01)).toBe("109.20");
  });

  test("survive a tick that makes no sense", () => {
    expect(decimalsOf(0)).toBe(2);
    expect(decimalsOf(Number.NaN)).toBe(2);
  });

  test("show what is missing as a dash, never as zero", () => {
    expect(price(null, 0.01)).toBe("–");
    expect(price(Number.NaN, 0.01)).toBe("–");
    expect(percent(undefined)).toBe("–");
    expect(significant(null)).toBe("–");
  });

  test("write negative prices with a true minus", () => {
    expect(price(-36.98, 0.01)).toBe("\u221236.98");
    expect(range(-1, 2, 0.01)).toBe("\u22121.00 – 2.00");
  });

  test("sign a change and leave a nothing unsigned", () => {
    expect(change(0.0012, 0.0001)).toBe("+0.0012");
    expect(change(-0.0012, 0.0001)).toBe("\u22120.0012");
    expect(change(-0.000001, 0.0001)).toBe("0.0000");
    expect(changePercent(0.0123)).toBe("+1.23\u2009%");
    expect(changePercent(0)).toBe("0.00\u2009%");
  });

  test("write levels without useless zeros", () => {
    expect(level(0.8)).toBe("80\u2009%");
    expect(level(0.995)).toBe("99.5\u2009%");
    expect(percent(0.8012, 1)).toBe("80.1\u2009%");
  });

  test("never claim a p-value of zero", () => {
    expect(pValue(0)).toBe("p\u00a0<\u00a00.001");
    expect(pValue(0.032)).toBe("p\u00a0=\u00a00.032");
    expect(pValue(null)).toBe("p unknown");
  });

  test("keep scores comparable down a column", () => {
    expect([score(0.00006, 0.0001), score(0.00522, 0.0001)]).toEqual(["0.00006", "0.00522"]);
    expect([significant(0.00216), significant(3.1415), significant(1234)]).toEqual(["0.00216", "3.14", "1,234"]);
  });
});
