// From answers of the API to what the chart draws. Pure: no canvas, no page.
import type { Candle, Forecast, ForecastStep, Gap } from "../api/types";
import { intervalSeconds } from "../format/time";

export const SHOWN_LEVELS: readonly number[] = [0.5, 0.8, 0.95];
/** A hole is drawn as at most this many empty slots: wide enough to be seen, not so wide that it hides the rest. */
export const GAP_SLOTS_MAX = 12;

export interface CandlePoint {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
}
export interface EmptyPoint {
  time: number;
}
export interface GapBand {
  from: number; // first empty slot
  to: number; // last empty slot
  gap: Gap;
}
export interface Band {
  level: number;
  lower: number;
  upper: number;
}
export interface FanPoint {
  time: number;
  step: number; // 0 is the anchor
  median: number;
  bands: Band[]; // widest first
}

export function seconds(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}

/** Fixings and macro values have one number per bar: a line says that, a candle would only pretend. */
export function isLine(candles: readonly Candle[]): boolean {
  if (candles.length === 0) return false;
  const flat = candles.filter((c) => c.open === c.close && c.high === c.low).length;
  return flat >= 0.95 * candles.length;
}

const pointsOf = new WeakMap<Candle, CandlePoint>();

/** A candle as the chart takes it; the same object for the same candle, so that what did not change can be told. */
export function pointOf(candle: Candle): CandlePoint {
  let point = pointsOf.get(candle);
  if (!point) {
    point = { time: seconds(candle.start), open: candle.open, high: candle.high, low: candle.low, close: candle.close };
    pointsOf.set(candle, point);
  }
  return point;
}

/** Candles with empty slots where data is missing, and where those slots are. Nothing is interpolated. */
export function withGaps(candles: readonly Candle[], gaps: readonly Gap[], interval: string): { points: (CandlePoint | EmptyPoint)[]; bands: GapBand[] } {
  const points: (CandlePoint | EmptyPoint)[] = candles.map(pointOf);
  if (gaps.length === 0) return { points, bands: [] };
  const taken = new Set(points.map((p) => p.time));
  const first = points[0]?.time ?? 0;
  const last = points.at(-1)?.time ?? 0;
  const bands: GapBand[] = [];
  const length = intervalSeconds(interval);
  for (const gap of gaps) {
    const from = seconds(gap.from);
    const to = Math.max(seconds(gap.to), from); // start of the last missing bar
    if (to <= first || from >= last) continue; // the chart draws what lies between bars that it shows
    const missing = Math.round((to - from) / length) + 1;
    const slots = Math.min(GAP_SLOTS_MAX, missing);
    const empty: number[] = [];
    for (let slot = 0; slot < slots; slot += 1) {
      const time = slots === 1 ? from : Math.round(from + ((to - from) * slot) / (slots - 1));
      if (time > first && time < last && !taken.has(time)) empty.push(time);
    }
    for (const time of empty) {
      taken.add(time);
      points.push({ time });
    }
    const [head, tail] = [empty[0], empty.at(-1)];
    if (head !== undefined && tail !== undefined) bands.push({ from: head, to: tail, gap });
  }
  points.sort((a, b) => a.time - b.time);
  return { points, bands };
}

/** The steps that the server issues by itself, and the most it gives. */
const ISSUED_STEPS = 24;
const ALL_STEPS = 168;

/** How many steps to ask for. A step says the same whatever comes after it, so up to 24 the forecast already sealed serves. */
export function askedSteps(horizon: number): number {
  return horizon <= ISSUED_STEPS ? ISSUED_STEPS : ALL_STEPS;
}

/** The forecast as far as the reader wants to look. */
export function upTo(forecast: Forecast, horizon: number): Forecast {
  const steps = forecast.steps.filter((s) => s.step <= horizon);
  return { ...forecast, steps, horizon: steps.length };
}

/** The fan as points, with a band for each level. It opens at the last known bar, where nothing is uncertain. */
export function fanPoints(forecast: Forecast, level: number): FanPoint[] {
  const { price } = forecast.anchor;
  const levels = shownLevels(level).reverse();
  const anchor: FanPoint = {
    time: seconds(forecast.anchor.bar_start),
    step: 0,
    median: price,
    bands: levels.map((l) => ({ level: l, lower: price, upper: price })),
  };
  const ahead = forecast.steps.map((s) => ({
    time: seconds(s.target),
    step: s.step,
    median: s.median,
    bands: levels.flatMap((l) => boundsAt(s, l) ?? []),
  }));
  return [anchor, ...ahead.filter((p) => p.time > anchor.time)];
}

/** The fan between two fans, `t` from 0 to 1. They must have the same steps and levels, see `sameShape`. */
export function blend(from: readonly FanPoint[], to: readonly FanPoint[], t: number): FanPoint[] {
  const mix = (a: number, b: number): number => a + (b - a) * t;
  return to.map((point, k) => {
    const old = from[k] ?? point;
    const bands = point.bands.map((band, j) => {
      const before = old.bands[j] ?? band;
      return { level: band.level, lower: mix(before.lower, band.lower), upper: mix(before.upper, band.upper) };
    });
    return { time: point.time, step: point.step, median: mix(old.median, point.median), bands };
  });
}

export function sameShape(a: readonly FanPoint[], b: readonly FanPoint[]): boolean {
  return a.length === b.length && a.every((p, k) => p.time === b[k]?.time && p.bands.length === b[k]?.bands.length);
}

/** The three levels of the fan and the reader's own, ascending. */
export function shownLevels(level: number): number[] {
  return [...new Set([...SHOWN_LEVELS, level])].sort((a, b) => a - b);
}

/** The central interval at any level, read off the quantiles as the server does: linear between those it sent. */
export function boundsAt(step: ForecastStep, level: number): Band | null {
  const said = step.intervals.find((i) => Math.abs(i.level - level) < 1e-9);
  if (said) return said;
  const lower = quantile(step, (1 - level) / 2);
  const upper = quantile(step, (1 + level) / 2);
  return lower === null || upper === null ? null : { level, lower, upper };
}

interface Knot {
  p: number;
  value: number;
}

function grid(step: ForecastStep): Knot[] {
  return Object.entries(step.quantiles)
    .map(([p, value]) => ({ p: Number(p), value }))
    .sort((a, b) => a.p - b.p);
}

/** The price below which the outcome lies with probability `p`; null beyond the outermost quantiles. */
export function quantile(step: ForecastStep, p: number): number | null {
  const knots = grid(step);
  for (let k = 0; k < knots.length; k += 1) {
    const [left, right] = [knots[k - 1], knots[k]];
    if (!right || p > right.p + 1e-12) continue;
    if (Math.abs(p - right.p) < 1e-12) return right.value;
    if (!left) return null;
    return left.value + ((p - left.p) / (right.p - left.p)) * (right.value - left.value);
  }
  return null;
}

/** Probability that the outcome lies above `price`, from the quantiles, linear between them; null if there are none. */
export function probabilityAbove(step: ForecastStep, price: number): number | null {
  const knots = grid(step);
  const [lowest, highest] = [knots[0], knots.at(-1)];
  if (!lowest || !highest) return null;
  if (price <= lowest.value) return 1 - lowest.p;
  if (price >= highest.value) return 1 - highest.p;
  for (let k = 1; k < knots.length; k += 1) {
    const [left, right] = [knots[k - 1], knots[k]];
    if (!left || !right || price > right.value) continue;
    const share = right.value === left.value ? 0 : (price - left.value) / (right.value - left.value);
    return 1 - (left.p + share * (right.p - left.p));
  }
  return null;
}

/**
 * New candles laid over old ones; null when a closed bar changed (a new dividend, a correction): then load all again.
 * A bar that is still forming behind the last of the new ones is kept: the stream told of it.
 */
export function mergeCandles(old: readonly Candle[], fresh: readonly Candle[]): Candle[] | null {
  const [first, end] = [fresh[0], fresh.at(-1)];
  if (!first || !end) return [...old];
  const [from, to] = [Date.parse(first.start), Date.parse(end.start)];
  let cut = old.length;
  while (cut > 0 && Date.parse(old[cut - 1]?.start ?? "") >= from) cut -= 1;
  const known = new Map(old.slice(cut).map((c) => [c.start, c]));
  const laid: Candle[] = [];
  for (const candle of fresh) {
    const before = known.get(candle.start);
    if (before?.final && (before.close !== candle.close || before.open !== candle.open)) return null;
    laid.push(before && sameCandle(before, candle) ? before : candle);
  }
  const forming = old.slice(cut).filter((c) => !c.final && Date.parse(c.start) > to);
  return [...old.slice(0, cut), ...laid, ...forming];
}

function sameCandle(a: Candle, b: Candle): boolean {
  return a.final === b.final && a.close === b.close && a.high === b.high && a.low === b.low && a.open === b.open && a.volume === b.volume;
}
