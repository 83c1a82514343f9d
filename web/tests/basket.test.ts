import { describe, expect, test } from "vitest";
import { formatBasket, parseBasket } from "../src/risk/basket";

describe("a basket in the address", () => {
  test("goes there and back", () => {
    const basket = [
      { symbol: "SPY", weight: 60 },
      { symbol: "EUR-USD", weight: -40.5 },
    ];
    expect(parseBasket(formatBasket(basket))).toEqual(basket);
  });

  test("leaves out what makes no sense, and counts each symbol once", () => {
    expect(parseBasket("SPY,SPY:2,:3,X:0,Y:much,,Z:NaN")).toEqual([{ symbol: "SPY", weight: 2 }]);
    expect(parseBasket(null)).toEqual([]);
    expect(parseBasket(Array.from({ length: 99 }, (_, i) => `S${i}`).join(","))).toHaveLength(50);
  });
});
