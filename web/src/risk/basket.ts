// A weighted basket as it stands in the address: `SPY:60,EUR-USD:-40`. Pure.

export interface Position {
  symbol: string;
  weight: number;
}

export const POSITIONS_MAX = 50;

/** What an address spells; parts that make no sense are left out, a symbol without a weight counts 1. */
export function parseBasket(text: string | null): Position[] {
  const found = new Map<string, number>();
  for (const part of (text ?? "").split(",")) {
    const at = part.lastIndexOf(":");
    const symbol = (at < 0 ? part : part.slice(0, at)).trim().slice(0, 64);
    const weight = at < 0 ? 1 : Number(part.slice(at + 1));
    if (symbol && Number.isFinite(weight) && weight !== 0 && found.size < POSITIONS_MAX) found.set(symbol, weight);
  }
  return [...found].map(([symbol, weight]) => ({ symbol, weight }));
}

/** The same as text. */
export function formatBasket(positions: readonly Position[]): string {
  return positions.map(({ symbol, weight }) => `${symbol}:${weight}`).join(",");
}
