// The track record in plain sentences. Pure: figures in, words out.
import { count, level as levelText, percent } from "../format/numbers";

export const SURE = 1.96;
export const FEW = 20; // with fewer outcomes anything is within sampling error

export interface Held {
  level: number;
  measured: number;
  n: number;
  se: number | null;
}

export type Judged = "few" | "kept" | "narrow" | "wide";

/**
 * How far from the promise the share may be by chance, were the promise true: a score test, as of Wilson (1927), with the
 * variance that was measured over that of independent outcomes as its design effect, so that clusters count as such.
 */
export function chance({ level, measured, n, se }: Held): number {
  const alone = (measured * (1 - measured)) / n;
  const effect = se !== null && alone > 0 ? Math.max(1, se ** 2 / alone) : 1;
  return SURE * Math.sqrt((effect * level * (1 - level)) / n);
}

/** Did intervals hold what they promised? Within sampling error they did; of few outcomes nothing can be said. */
export function judged(held: Held): Judged {
  if (held.n < FEW) return "few";
  const off = held.measured - held.level;
  return Math.abs(off) <= chance(held) ? "kept" : off < 0 ? "narrow" : "wide";
}

const ENDS: Record<Judged, string> = {
  few: "That is too few to judge by.",
  kept: "As promised, within sampling error.",
  narrow: "Fewer than promised: the intervals were too narrow.",
  wide: "More than promised: the intervals were wider than they had to be.",
};

/** `81.2 % of 1,003 outcomes fell inside the interval that promised 80 %. As promised, within sampling error.` */
export function heldSentence(held: Held): string {
  return `${percent(held.measured, 1)} of ${count(held.n)} outcomes fell inside the interval that promised ${levelText(held.level)}. ${ENDS[judged(held)]}`;
}

export interface Ranked {
  model: string;
  crps_ratio: number | null;
  verdict: "positive" | "none" | "negative";
  n: number;
}

/** Who is better than the random walk, for those who want one sentence. */
export function leaderSentence(rows: readonly Ranked[], nameOf: (model: string) => string): string {
  const others = rows.filter((row) => row.model !== "naive" && row.crps_ratio !== null);
  if (others.length === 0) return "No model but the random walk has been measured here yet.";
  const better = others.filter((row) => row.verdict === "positive").sort((a, b) => (a.crps_ratio ?? 1) - (b.crps_ratio ?? 1));
  const worse = others.filter((row) => row.verdict === "negative");
  const [first, ...rest] = better;
  if (!first) {
    if (worse.length === others.length) return "Every model has been worse than knowing nothing but the last price.";
    const so = worse.length ? `; ${listed(worse.map((row) => nameOf(row.model)))} ${worse.length === 1 ? "was" : "were"} worse` : "";
    return `No model can be told from knowing nothing but the last price and how much it moves${so}.`;
  }
  const gain = `${nameOf(first.model)} has been ${percent(1 - (first.crps_ratio ?? 1), 1)} closer to what happened than the random walk, more than luck explains`;
  return rest.length ? `${gain}; so ${rest.length === 1 ? "has" : "have"} ${listed(rest.map((row) => nameOf(row.model)))}.` : `${gain}.`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1] ?? ""}`;
}

/** The bottom of a scale of shares that shows all of them: a multiple of a tenth, with room below. */
export function floorOf(shares: readonly number[]): number {
  const least = Math.min(1, ...shares);
  return Math.max(0, Math.floor((least - 0.02) * 10) / 10);
}
