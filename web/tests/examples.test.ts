import { describe, expect, test } from "vitest";
import { address, EXAMPLES, LANGUAGES, masked, shell, snippet, streamSnippet, type Example, type Filling } from "../src/developers/examples";

const FILLING: Filling = { origin: "http://127.0.0.1:8000", key: null, symbol: "EUR-USD", interval: "1d" };
const KEY = "tc_0123456789ab_secret";

const example = (id: string): Example => {
  const found = EXAMPLES.find((one) => one.id === id);
  if (!found) throw new Error(id);
  return found;
};

describe("an example", () => {
  test("asks what the address says, whatever the symbol is called", () => {
    expect(address(example("candles"), { ...FILLING, symbol: "^VIX" })).toBe("/api/v1/prices/%5EVIX/candles?interval=1d&limit=5");
    expect(address(example("price"), { ...FILLING, symbol: "^VIX" })).toBe("/api/v1/prices?symbols=%5EVIX");
    expect(snippet(example("price"), "httpx", { ...FILLING, symbol: "^VIX" })).toContain('params={"symbols": "^VIX"}');
  });
  test("names no key where none is needed, and the same one everywhere where one is", () => {
    for (const language of LANGUAGES) {
      for (const one of EXAMPLES) {
        expect(snippet(one, language, FILLING)).not.toMatch(/Authorization|api_key/);
        expect(snippet(one, language, { ...FILLING, key: KEY }).split(KEY)).toHaveLength(2);
      }
      expect(streamSnippet(language, FILLING)).not.toMatch(/Bearer|api_key|truecast\.key/);
      expect(streamSnippet(language, { ...FILLING, key: KEY }).split(KEY)).toHaveLength(2);
    }
  });
  test("puts no key into an address", () => {
    for (const language of LANGUAGES) expect(streamSnippet(language, { ...FILLING, key: KEY })).not.toMatch(/[?&][^"' ]*secret/);
  });
  test("of a POST carries its body", () => {
    expect(snippet(example("now"), "curl", FILLING)).toContain(`-d '{"symbol":"EUR-USD","interval":"1d","horizon":10,"levels":[0.8,0.95]}'`);
    expect(snippet(example("now"), "javascript", FILLING)).toContain('method: "POST"');
  });
});

test("a shell takes every word as it is", () => {
  expect(shell("it's")).toBe(String.raw`'it'\''s'`);
});

test("a masked key says which it is and not what it is", () => {
  expect(masked(KEY)).toBe("tc_0123456789ab_…");
  expect(masked("nonsense")).toBe("…");
});
