import { describe, expect, test } from "vitest";
import type { Delivery, Handler } from "../src/state/topics";
import { Waiting } from "../src/state/waiting";

const nobody: readonly Handler[] = [];
const told = (topic: string, data: unknown, kind: "message" | "reload" = "message", handlers = nobody): Delivery => ({
  handlers,
  data,
  meta: { topic, kind, epoch: "e", offset: 1, ts: null, first: false, code: null },
});

describe("what waits for a frame", () => {
  test("is the latest price of each, and everything else in order", () => {
    const waiting = new Waiting();
    for (let i = 0; i < 10_000; i += 1) waiting.put(told(`quotes:S${i % 5}`, i));
    waiting.put(told("forecasts:S0", "a"));
    waiting.put(told("quotes:S0", "last"));
    waiting.put(told("forecasts:S0", "b"));
    expect(waiting.size).toBe(7);
    expect(waiting.take().map(({ data }) => data)).toEqual(["last", 9_996, 9_997, 9_998, 9_999, "a", "b"]);
    expect(waiting.size).toBe(0);
    expect(waiting.take()).toEqual([]);
  });

  test("is every price where a new listener came or something was missed in between", () => {
    const waiting = new Waiting();
    waiting.put(told("quotes:S0", 1));
    waiting.put(told("quotes:S0", null, "reload"));
    waiting.put(told("quotes:S0", 2, "message", [() => undefined]));
    expect(waiting.take().map(({ data }) => data)).toEqual([1, null, 2]);
  });

  test("forgets where prices stood once it was handed on", () => {
    const waiting = new Waiting();
    waiting.put(told("quotes:S0", 1));
    waiting.take();
    waiting.put(told("scores:S0", "s"));
    waiting.put(told("quotes:S0", 2));
    expect(waiting.take().map(({ data }) => data)).toEqual(["s", 2]);
  });
});
