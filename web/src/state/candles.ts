// The bars of one series: the newest first, older ones when the reader scrolls to them, new ones as they come.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Candle, Candles } from "../api/types";
import { followed, joinBlocks, joinGaps, newest, type Told } from "../chart/bars";
import { mergeCandles } from "../chart/series";
import { pollMs, serverNow, slowPollMs } from "./server";
import { covers, useStream } from "./stream";
import { useResource, type Resource } from "./resource";
import { isoOf, RANGES } from "./url";

const FIRST_BARS = 500;
const OLDER_BARS = 1_000;
const PAGE_BARS_MAX = 5_000; // of one answer of the server
const KEPT_BARS_MAX = 100_000;
const OVERLAP_BARS = 3;

interface Kept {
  key: string;
  all: Candles;
  complete: boolean; // there is nothing older
}

export interface Series {
  symbol: string | null;
  interval: string | null;
  adjust: string;
  /** Only what was known then. */
  asOf: string | null;
  range: string | null;
  /** Whether the series is stored as such, so that the stream has it. */
  streamed: boolean;
}

export type CandleResource = Resource<Candles> & { older: () => void };

/** Candles of the series, kept up to date; `older()` asks for more of the past. */
export function useCandles({ symbol, interval, adjust, asOf, range, streamed }: Series): CandleResource {
  const key = symbol && interval ? `candles ${symbol} ${interval} ${adjust} ${asOf}` : null;
  const kept = useRef<Kept | null>(null);
  const fetching = useRef(false);
  const [, redraw] = useState(0);
  const path = `/prices/${segment(symbol ?? "")}/candles`;
  const topics = streamed && key && !asOf ? [`candles:${symbol}:${interval}`] : [];
  const question = { interval, adjust, as_of: asOf };

  const before = useCallback((end: string, limit: number): Promise<Candles> => get<Candles>(path, { interval, adjust, as_of: asOf, end, limit }), [path, interval, adjust, asOf]);

  const resource = useResource<Candles>(
    key,
    async (signal) => {
      const have = kept.current?.key === key ? kept.current : null;
      const since = have?.all.candles.at(-OVERLAP_BARS)?.start;
      if (have && since) {
        const fresh = await get<Candles>(path, { ...question, start: since, limit: PAGE_BARS_MAX }, signal);
        const candles = mergeCandles((kept.current ?? have).all.candles, fresh.candles);
        if (candles) {
          const all = newest(laid((kept.current ?? have).all, fresh, candles), KEPT_BARS_MAX);
          kept.current = { ...have, all };
          return all;
        }
      }
      const limit = range && range !== "1w" ? PAGE_BARS_MAX : FIRST_BARS;
      const all = await get<Candles>(path, { ...question, limit }, signal);
      kept.current = { key: key ?? "", all, complete: all.candles.length < limit };
      return all;
    },
    asOf ? {} : { everyMs: () => (covers(topics) ? slowPollMs() : pollMs()) },
  );

  useStream<Told>(topics, (told, meta) => {
    const now = kept.current;
    if (!now || now.key !== key) return;
    if (told === null) {
      if (meta.kind === "reload") resource.reload();
      return;
    }
    const { candles, ask } = followed(now.all.candles, told);
    if (candles !== now.all.candles) {
      kept.current = { ...now, all: newest({ ...now.all, candles: [...candles] }, KEPT_BARS_MAX) };
      redraw((n) => n + 1);
    }
    if (ask) resource.reload();
  });

  useEffect(() => {
    if (kept.current && kept.current.key !== key) kept.current = null;
  }, [key]);

  const prepend = useCallback((have: Kept, older: Candles, complete: boolean): void => {
    const now = kept.current;
    if (!now || now.key !== have.key) return;
    kept.current = { ...now, complete, all: joined(older, now.all) };
    redraw((n) => n + 1);
  }, []);

  const older = useCallback(() => {
    const have = kept.current;
    const first = have?.all.candles[0];
    if (!have || !first || have.complete || fetching.current || have.all.candles.length >= KEPT_BARS_MAX) return;
    fetching.current = true;
    // The more there is, the further the reader can jump.
    const limit = Math.min(PAGE_BARS_MAX, Math.max(OLDER_BARS, have.all.candles.length));
    before(first.start, limit)
      .then((page) => prepend(have, page, page.candles.length < limit))
      .catch(() => undefined) // asked again on the next scroll
      .finally(() => {
        fetching.current = false;
      });
  }, [before]);

  // A range that reaches further back than the first answer is fetched at once, and drawn once.
  const there = resource.data !== null;
  useEffect(() => {
    const have = kept.current;
    if (!have || !there || !range || have.complete || fetching.current) return;
    const from = fromOf(range, asOf);
    let stopped = false;
    fetching.current = true;
    void (async () => {
      let gathered: Candles | null = null;
      let complete = false;
      let first = have.all.candles[0]?.start;
      let count = have.all.candles.length;
      while (!stopped && first && Date.parse(first) > from && !complete && count < KEPT_BARS_MAX) {
        const page: Candles = await before(first, PAGE_BARS_MAX);
        complete = page.candles.length < PAGE_BARS_MAX;
        first = page.candles[0]?.start;
        count += page.candles.length;
        gathered = gathered ? joined(page, gathered) : page;
      }
      if (!stopped && gathered) prepend(have, gathered, complete);
    })()
      .catch(() => undefined)
      .finally(() => {
        fetching.current = false;
      });
    return () => {
      stopped = true;
    };
  }, [key, range, there]);

  const mine = kept.current && kept.current.key === key ? kept.current.all : resource.data;
  return { ...resource, data: mine, older };
}

/** The first moment of a range, in milliseconds. */
export function fromOf(range: string, asOf: string | null): number {
  const days = RANGES[range] ?? Infinity;
  const until = asOf ? Date.parse(asOf) : serverNow();
  return days === Infinity ? -Infinity : Date.parse(isoOf(until)) - days * 86_400_000;
}

function joined(older: Candles, newer: Candles): Candles {
  return { ...newer, candles: [...older.candles, ...newer.candles], gaps: joinGaps(older.gaps, newer.gaps), blocks: joinBlocks(older.blocks, newer.blocks) };
}

function laid(old: Candles, fresh: Candles, candles: Candle[]): Candles {
  const same = candles.length === old.candles.length && candles.every((candle, i) => i < candles.length - OVERLAP_BARS - 1 || candle === old.candles[i]);
  const blocks = fresh.blocks.length ? joinBlocks(cut(old.blocks, fresh.blocks[0]?.from), fresh.blocks) : old.blocks;
  return same ? { ...old, blocks } : { ...old, candles, gaps: joinGaps(old.gaps, fresh.gaps), blocks };
}

/** Blocks up to a moment: what comes after it is told anew. */
function cut(blocks: Candles["blocks"], until: string | undefined): Candles["blocks"] {
  return until === undefined ? blocks : blocks.filter((block) => Date.parse(block.from) < Date.parse(until)).map((block) => (Date.parse(block.to) >= Date.parse(until) ? { ...block, to: until } : block));
}
