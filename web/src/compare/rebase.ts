// Prices of several instruments on one scale: each as its change since the first moment that all of them have. Pure.

export interface Series {
  symbol: string;
  /** Milliseconds, ascending, and the close there. */
  points: readonly (readonly [at: number, close: number])[];
}

export interface Rebased {
  /** Where all begin, and the last moment of any; null where nothing can be compared. */
  from: number;
  to: number;
  lines: { symbol: string; points: (readonly [at: number, change: number])[] }[];
  /** Why somebody is missing. */
  left: { symbol: string; reason: string }[];
}

const POINTS_MAX = 400; // of a line: no screen shows more

/** Changes as shares, 0.05 for 5 % up. The base of each is its last close at or before the common start. */
export function rebased(all: readonly Series[]): Rebased | null {
  const left: Rebased["left"] = [];
  const usable = all.filter(({ symbol, points }) => {
    if (points.length < 2) left.push({ symbol, reason: "no prices in this window" });
    else if (points.some(([, close]) => close <= 0)) left.push({ symbol, reason: "its prices go to zero or below: shares mean nothing there" });
    else return true;
    return false;
  });
  if (usable.length === 0) return null;
  const from = Math.max(...usable.map(({ points }) => points[0]?.[0] ?? 0));
  const lines = usable.flatMap(({ symbol, points }) => {
    const first = points.findLastIndex(([at]) => at <= from);
    const base = points[first]?.[1];
    const rest = points.slice(first);
    if (base === undefined || rest.length < 2) {
      left.push({ symbol, reason: "no prices in common with the others" });
      return [];
    }
    return [{ symbol, points: thinned(rest).map(([at, close]) => [Math.max(at, from), close / base - 1] as const) }];
  });
  const to = Math.max(...lines.map(({ points }) => points[points.length - 1]?.[0] ?? from));
  return lines.length ? { from, to, lines, left } : null;
}

/** Evenly fewer, the last always among them. */
function thinned<T>(points: readonly T[]): readonly T[] {
  if (points.length <= POINTS_MAX) return points;
  const every = (points.length - 1) / (POINTS_MAX - 1);
  return Array.from({ length: POINTS_MAX }, (_, i) => points[Math.round(i * every)] as T);
}

/** Round numbers for the marks of a scale from `low` to `high`. */
export function marks(low: number, high: number, most = 5): number[] {
  const rough = (high - low) / most;
  if (!(rough > 0)) return [low];
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((one) => one >= rough) ?? 10 * unit;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Labels at the end of lines, moved apart so that none covers another; percent of the height, in the order given. */
export function apart(wanted: readonly number[], gap: number): number[] {
  const order = wanted.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at);
  let below = -Infinity;
  for (const one of order) {
    one.at = Math.max(one.at, below + gap);
    below = one.at;
  }
  const over = (order[order.length - 1]?.at ?? 0) - 100;
  if (over > 0) {
    let above = Infinity;
    for (const one of order.toReversed()) {
      one.at = Math.min(one.at, 100, above - gap);
      above = one.at;
    }
  }
  const found = new Array<number>(wanted.length).fill(0);
  for (const { at, i } of order) found[i] = at;
  return found;
}
