// Columns of the feature sets as indicators: which are drawn together, on the price or in a pane of their own. Pure.
import type { FeatureSet } from "../api/types";

/** The pane of a line: over the candles, or one below them by its name. */
export type Pane = "price" | string;

export interface Indicator {
  /** What the address says. */
  key: string;
  title: string;
  about: string;
  set: string;
  columns: readonly string[];
  pane: Pane;
}

export interface Line {
  column: string;
  key: string;
  pane: Pane;
  form: "line" | "histogram";
  /** Which colour: counted over all lines. */
  style: number;
  /** Which dash: counted within the pane, so that lines that may cross differ in form, too. */
  dash: number;
  /** Levels that readers look for. */
  guides: readonly number[];
}

/** Those that charts know, and those that models read. */
export const CHART_SET = "indicators/1";
export const MODEL_SET = "tree/1";

const TOGETHER: readonly { key: string; title: string; columns: readonly string[]; pane: Pane }[] = [
  { key: "bollinger", title: "Bollinger bands", columns: ["bollinger_upper", "bollinger_lower"], pane: "price" },
  { key: "macd", title: "MACD 12, 26, 9", columns: ["macd_histogram", "macd", "macd_signal"], pane: "macd" },
];
const WORDS: Readonly<Record<string, string>> = { sma: "SMA", ema: "EMA", rsi: "RSI", atr: "ATR", momentum: "Momentum", realised: "Realised vol.", parkinson: "Parkinson vol.", garman: "Garman", klass: "Klass vol.", rogers: "Rogers", satchell: "Satchell vol.", yang: "Yang", zhang: "Zhang vol." };
const VOLATILITY = /^(realised|parkinson|garman_klass|rogers_satchell|yang_zhang)_\d+$/;
const GUIDES: Readonly<Record<string, readonly number[]>> = { rsi_14: [30, 70] };

/** What can be drawn, as the server's feature sets have it. */
export function indicatorsOf(sets: readonly FeatureSet[]): Indicator[] {
  const found: Indicator[] = [];
  const seen = new Set<string>();
  for (const name of [CHART_SET, MODEL_SET]) {
    const columns = sets.find((set) => set.name === name)?.columns ?? [];
    const has = new Set(columns.map((column) => column.name));
    for (const group of TOGETHER) {
      if (seen.has(group.key) || !group.columns.every((column) => has.has(column))) continue;
      const about = columns.filter((c) => group.columns.includes(c.name)).map((c) => c.description);
      found.push({ ...group, about: about.join("; "), set: name });
      for (const key of [group.key, ...group.columns]) seen.add(key);
    }
    for (const column of columns) {
      if (seen.has(column.name)) continue;
      seen.add(column.name);
      found.push({ key: column.name, title: titleOf(column.name), about: column.description, set: name, columns: [column.name], pane: paneOf(column.name, column.family) });
    }
  }
  return found;
}

/** Averages and bands are prices and lie on them; volatilities share a pane; everything else has its own. */
export function paneOf(name: string, family: string): Pane {
  if (/^(sma|ema)_\d+$/.test(name) || /^bollinger_(upper|lower)$/.test(name)) return "price";
  if (family === "volatility" && VOLATILITY.test(name)) return "volatility";
  return name;
}

/** `sma_20` as a person would write it. */
export function titleOf(name: string): string {
  const words = name.split("_").map((word) => WORDS[word] ?? word);
  return words.join(" ").replace(/^./, (letter) => letter.toUpperCase());
}

/** The lines of what is chosen, each in its pane, in the order chosen. What the server does not have is left out. */
export function linesOf(chosen: readonly string[], known: readonly Indicator[]): Line[] {
  const lines: Line[] = [];
  for (const key of chosen) {
    const indicator = known.find((one) => one.key === key);
    if (!indicator) continue;
    for (const column of indicator.columns) {
      const form = column.endsWith("_histogram") ? "histogram" : "line";
      const drawn = lines.filter((one) => one.form === "line");
      const beside = drawn.filter((one) => one.pane === indicator.pane);
      // The two Bollinger bands are one thing and look like one.
      const twin = column === "bollinger_lower" ? lines.at(-1) : undefined;
      lines.push({
        column,
        key,
        pane: indicator.pane,
        form,
        style: twin?.style ?? new Set(drawn.map((one) => one.style)).size,
        dash: twin?.dash ?? new Set(beside.map((one) => one.dash)).size,
        guides: GUIDES[column] ?? [],
      });
    }
  }
  return lines;
}

/** Panes below the price, in the order in which they are first needed. */
export function panesOf(lines: readonly Line[]): string[] {
  return [...new Set(lines.map((line) => line.pane).filter((pane) => pane !== "price"))];
}

/** Columns to ask for, by the set they are in. */
export function columnsBySet(chosen: readonly string[], known: readonly Indicator[]): Map<string, string[]> {
  const wanted = new Map<string, string[]>();
  for (const key of chosen) {
    const indicator = known.find((one) => one.key === key);
    if (!indicator) continue;
    wanted.set(indicator.set, [...(wanted.get(indicator.set) ?? []), ...indicator.columns]);
  }
  return wanted;
}

/** One row of values by column; rows of two answers, the newer ones win. Keys are seconds of the bar's start. */
export type Values = ReadonlyMap<number, Readonly<Record<string, number | null>>>;

export function mergeValues(old: Values, fresh: Values): Values {
  const merged = new Map(old);
  for (const [time, row] of fresh) merged.set(time, { ...merged.get(time), ...row });
  return new Map([...merged].sort(([a], [b]) => a - b));
}
