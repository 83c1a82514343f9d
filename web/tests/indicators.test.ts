import { describe, expect, test } from "vitest";
import type { FeatureSet } from "../src/api/types";
import { columnsBySet, indicatorsOf, linesOf, mergeValues, panesOf, titleOf } from "../src/chart/indicators";

const column = (name: string, family: string) => ({ name, family, description: `about ${name}`, scale: "price" as const, bars: 20 });
const SETS: FeatureSet[] = [
  {
    name: "indicators/1", version: "1", needs: [],
    columns: [column("sma_20", "averages"), column("ema_12", "averages"), column("macd", "averages"), column("macd_signal", "averages"), column("macd_histogram", "averages"), column("rsi_14", "momentum"), column("bollinger_upper", "bands"), column("bollinger_lower", "bands"), column("realised_20", "volatility"), column("yang_zhang_20", "volatility")],
  },
  { name: "tree/1", version: "1", needs: [], columns: [column("rsi_14", "momentum"), column("sma_20_gap", "averages")] },
  { name: "walk/1", version: "1", needs: [], columns: [column("level", "returns")] },
];
const known = indicatorsOf(SETS);
const of = (key: string) => known.find((one) => one.key === key);

describe("indicators", () => {
  test("are those of the feature sets, what belongs together as one, each once", () => {
    expect(known.map((one) => one.key)).toEqual(["bollinger", "macd", "sma_20", "ema_12", "rsi_14", "realised_20", "yang_zhang_20", "sma_20_gap"]);
    expect(of("rsi_14")?.set).toBe("indicators/1");
    expect(of("sma_20_gap")?.set).toBe("tree/1");
  });

  test("that are prices lie on the price; others have a pane, volatilities one together", () => {
    expect(["sma_20", "bollinger", "macd", "rsi_14", "realised_20", "yang_zhang_20", "sma_20_gap"].map((key) => of(key)?.pane)).toEqual(["price", "price", "macd", "rsi_14", "volatility", "volatility", "sma_20_gap"]);
    expect(panesOf(linesOf(["rsi_14", "sma_20", "macd", "realised_20", "yang_zhang_20"], known))).toEqual(["rsi_14", "macd", "volatility"]);
  });

  test("look different from each other in colour, and within a pane in form", () => {
    const lines = linesOf(["sma_20", "ema_12", "bollinger", "rsi_14"], known);
    expect(lines.map((line) => line.style)).toEqual([0, 1, 2, 2, 3]);
    expect(lines.map((line) => line.dash)).toEqual([0, 1, 2, 2, 0]);
  });

  test("have the levels that readers look for, and a histogram where it is one", () => {
    expect(linesOf(["rsi_14"], known)[0]?.guides).toEqual([30, 70]);
    expect(linesOf(["macd"], known).map((line) => line.form)).toEqual(["histogram", "line", "line"]);
  });

  test("that the server does not have are left out", () => {
    expect(linesOf(["oracle"], known)).toEqual([]);
    expect(columnsBySet(["oracle"], known).size).toBe(0);
  });

  test("are asked for by their sets", () => {
    expect([...columnsBySet(["sma_20", "sma_20_gap", "bollinger"], known)]).toEqual([["indicators/1", ["sma_20", "bollinger_upper", "bollinger_lower"]], ["tree/1", ["sma_20_gap"]]]);
  });

  test("are called what people call them", () => {
    expect(["sma_20", "rsi_14", "atr_14", "realised_20", "garman_klass_20"].map(titleOf)).toEqual(["SMA 20", "RSI 14", "ATR 14", "Realised vol. 20", "Garman Klass vol. 20"]);
  });

  test("keep rows in time, the newest answer wins, columns of two sets join", () => {
    const merged = mergeValues(new Map([[2, { a: 1 }], [3, { a: 2 }]]), new Map([[1, { a: 0 }], [3, { b: 9, a: 5 }]]));
    expect([...merged]).toEqual([[1, { a: 0 }], [2, { a: 1 }], [3, { a: 5, b: 9 }]]);
  });
});
