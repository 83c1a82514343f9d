import { describe, expect, test } from "vitest";
import { chance, floorOf, heldSentence, judged, leaderSentence, listed } from "../src/record/say";

const held = (measured: number, n: number, se: number | null = 0.01) => ({ level: 0.8, measured, n, se });
const row = (model: string, crps_ratio: number, verdict: "positive" | "none" | "negative") => ({ model, crps_ratio, verdict, n: 100 });
const name = (model: string): string => model.toUpperCase();

describe("whether a promise was kept", () => {
  test("is said within sampling error, and not of a handful", () => {
    expect(judged(held(0.815, 400))).toBe("kept");
    expect(judged(held(22 / 24, 24, 0.056))).toBe("kept"); // 22 or more of 24 come one time in ten
    expect(judged(held(0.7, 400))).toBe("narrow");
    expect(judged(held(0.9, 400))).toBe("wide");
    expect(judged(held(0.2, 19))).toBe("few");
    expect(judged(held(0.75, 100, null))).toBe("kept"); // its error is 4 %
  });
  test("is a sentence", () => {
    expect(heldSentence(held(0.812, 1003))).toBe("81.2\u2009% of 1,003 outcomes fell inside the interval that promised 80\u2009%. As promised, within sampling error.");
    expect(heldSentence(held(0.7, 400))).toContain("too narrow");
  });
});

test("what moves together counts as less", () => {
  const alone = chance({ level: 0.8, measured: 0.8, n: 100, se: 0.04 });
  expect(alone).toBeCloseTo(1.96 * 0.04, 6);
  expect(chance({ level: 0.8, measured: 0.8, n: 100, se: 0.08 })).toBeCloseTo(2 * alone, 6);
  expect(chance({ level: 0.8, measured: 1, n: 100, se: 0.02 })).toBeCloseTo(alone, 6);
});

describe("who leads", () => {
  test("is who is better than luck, the best first", () => {
    expect(leaderSentence([row("naive", 1, "none"), row("a", 0.97, "positive"), row("b", 0.95, "positive"), row("c", 0.9, "none")], name)).toBe(
      "B has been 5.0\u2009% closer to what happened than the random walk, more than luck explains; so has A.",
    );
  });
  test("is nobody where nothing can be told", () => {
    expect(leaderSentence([row("naive", 1, "none"), row("a", 0.99, "none"), row("b", 1.2, "negative")], name)).toMatch(/^No model can be told .*; B was worse\.$/);
    expect(leaderSentence([row("a", 1.2, "negative")], name)).toMatch(/^Every model has been worse/);
    expect(leaderSentence([row("naive", 1, "none")], name)).toMatch(/^No model but the random walk/);
  });
});

test("lists read as sentences", () => {
  expect([listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])]).toEqual(["", "a", "a and b", "a, b and c"]);
});

test("a scale shows everything and begins at a tenth", () => {
  expect(floorOf([0.8, 0.75])).toBe(0.7);
  expect(floorOf([0.8, 0.71])).toBe(0.6);
  expect(floorOf([0.01])).toBe(0);
});
