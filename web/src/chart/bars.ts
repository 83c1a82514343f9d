// What is known about bars beside their prices: whose they are, and what of them changed since they were drawn. Pure.
import type { Block, Candle, Candles } from "../api/types";
import { mergeCandles, pointOf, type CandlePoint, type EmptyPoint } from "./series";

type Point = CandlePoint | EmptyPoint;

/** Blocks of older candles before those of newer ones; what one source gave in one piece is one block. */
export function joinBlocks(older: readonly Block[], newer: readonly Block[]): Block[] {
  const joined: Block[] = [];
  for (const block of [...older, ...newer].sort((a, b) => Date.parse(a.from) - Date.parse(b.from))) {
    const before = joined.at(-1);
    if (!before || (before.provenance.source !== block.provenance.source && Date.parse(block.from) > Date.parse(before.to))) {
      joined.push(block);
    } else if (before.provenance.source === block.provenance.source) {
      const newest = Date.parse(block.to) >= Date.parse(before.to) ? block : before;
      joined[joined.length - 1] = { ...newest, from: before.from, rows: before.rows + block.rows };
    } else {
      joined.push(block);
    }
  }
  return joined;
}

/** The block that a bar belongs to. */
export function blockAt(blocks: readonly Block[], start: string): Block | null {
  const at = Date.parse(start);
  let found: Block | null = null;
  for (const block of blocks) {
    if (Date.parse(block.from) > at) break;
    found = block;
  }
  return found;
}

/** Gaps of two answers, each once. */
export function joinGaps(a: Candles["gaps"], b: Candles["gaps"]): Candles["gaps"] {
  return [...new Map([...a, ...b].map((gap) => [`${gap.from} ${gap.to}`, gap])).values()];
}

const SLACK = 1.1; // bars that leave at the beginning cost a whole drawing: many at a time leave

/** The newest `most` bars once there are clearly more, with their gaps and blocks; a page may stay open for months. */
export function newest(all: Candles, most: number): Candles {
  if (all.candles.length <= most * SLACK) return all;
  const candles = all.candles.slice(-most);
  const from = Date.parse(candles[0]?.start ?? "");
  return { ...all, candles, gaps: all.gaps.filter((gap) => Date.parse(gap.to) > from), blocks: all.blocks.filter((block) => Date.parse(block.to) >= from) };
}

/** The same of values by time, oldest first. */
export function newestValues<T>(values: ReadonlyMap<number, T>, most: number): ReadonlyMap<number, T> {
  return values.size <= most * SLACK ? values : new Map([...values].slice(-most));
}

export interface Change {
  /** `tail`: only `points` at the end are new or different; `all`: begin anew. */
  kind: "none" | "tail" | "all";
  points: readonly Point[];
}

const TAIL_MAX = 50;

/** What has to be drawn again. A chart of 50,000 bars is not given all of them because one ticked. */
export function changeOf(before: readonly Point[], now: readonly Point[]): Change {
  let same = 0;
  const most = Math.min(before.length, now.length);
  while (same < most && alike(before[same], now[same])) same += 1;
  if (same === now.length && same === before.length) return { kind: "none", points: [] };
  const tail = now.slice(same);
  const onlyLast = before.length > 0 && same >= before.length - 1 && now.length >= before.length;
  // The last point may be replaced only by one at the same time.
  const inPlace = same === before.length || before[same]?.time === now[same]?.time;
  return onlyLast && inPlace && tail.length <= TAIL_MAX ? { kind: "tail", points: tail } : { kind: "all", points: now };
}

function alike(a: Point | undefined, b: Point | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.time === b.time && !("close" in a) && !("close" in b);
}

/** Where in `sorted` the first element is that is not before `time`. */
export function lowerBound<T>(sorted: readonly T[], time: number, timeOf: (item: T) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = sorted[middle];
    if (item !== undefined && timeOf(item) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The candle that starts at `time`, in seconds. */
export function candleAt(candles: readonly Candle[], time: number): Candle | null {
  const found = candles[lowerBound(candles, time, (candle) => pointOf(candle).time)];
  return found && pointOf(found).time === time ? found : null;
}

/** A candle as the stream tells it. `rows`: so many came at once, and only the newest is told. */
export type Told = Candle & { rows?: number };

export interface Followed {
  candles: readonly Candle[];
  /** Whether bars may be missing between the two, or one was corrected: then the server is to be asked. */
  ask: boolean;
}

/** What the stream told, laid over what is there. A new bar is shown at once, also after a night or a weekend. */
export function followed(candles: readonly Candle[], told: Told): Followed {
  const last = candles.at(-1);
  const [at, end] = [Date.parse(told.start), Date.parse(last?.start ?? "")];
  if (!last || (told.rows ?? 1) > 1 || at < end) return { candles, ask: true };
  if (at === end && last.final && !told.final) return { candles, ask: false }; // the store was faster
  const { start, end: until, open, high, low, close, volume, final } = told;
  const merged = mergeCandles(candles, [{ start, end: until, open, high, low, close, volume, final }]);
  if (!merged) return { candles, ask: true };
  return { candles: merged, ask: at > end && (!last.final || told.start !== last.end) };
}
