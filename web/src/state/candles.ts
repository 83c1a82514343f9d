// The bars of one series: the newest first, older ones when the reader scrolls to them, new ones as they close.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Candles } from "../api/types";
import { mergeCandles } from "../chart/series";
import { pollMs } from "./server";
import { useResource, type Resource } from "./resource";

const FIRST_BARS = 500;
const OLDER_BARS = 1_000;
const KEPT_BARS_MAX = 20_000;
const OVERLAP_BARS = 3;

interface Kept {
  key: string;
  all: Candles;
  complete: boolean; // there is nothing older
}

/** Candles of the series, kept up to date; `older()` asks for more of the past. */
export function useCandles(symbol: string | null, interval: string | null, adjust: string): Resource<Candles> & { older: () => void } {
  const key = symbol && interval ? `candles ${symbol} ${interval} ${adjust}` : null;
  const kept = useRef<Kept | null>(null);
  const fetching = useRef(false);
  const [, redraw] = useState(0);

  const path = `/prices/${segment(symbol ?? "")}/candles`;
  const resource = useResource<Candles>(
    key,
    async (signal) => {
      const have = kept.current?.key === key ? kept.current : null;
      const since = have?.all.candles.at(-OVERLAP_BARS)?.start;
      if (have && since) {
        const fresh = await get<Candles>(path, { interval, adjust, start: since }, signal);
        const candles = mergeCandles(have.all.candles, fresh.candles);
        if (candles) {
          const last = candles.at(-1);
          const before = have.all.candles.at(-1);
          const same = candles.length === have.all.candles.length && last?.start === before?.start && last?.close === before?.close;
          const all: Candles = same
            ? { ...have.all, blocks: fresh.blocks.length ? fresh.blocks : have.all.blocks }
            : { ...fresh, candles, gaps: joinGaps(have.all, fresh), blocks: fresh.blocks.length ? fresh.blocks : have.all.blocks };
          kept.current = { ...have, all };
          return all;
        }
      }
      const all = await get<Candles>(path, { interval, adjust, limit: FIRST_BARS }, signal);
      kept.current = { key: key ?? "", all, complete: all.candles.length < FIRST_BARS };
      return all;
    },
    { everyMs: pollMs },
  );

  useEffect(() => {
    if (kept.current && kept.current.key !== key) kept.current = null;
  }, [key]);

  const older = useCallback(() => {
    const have = kept.current;
    const first = have?.all.candles[0];
    if (!have || !first || have.complete || fetching.current || have.all.candles.length >= KEPT_BARS_MAX) return;
    fetching.current = true;
    get<Candles>(path, { interval, adjust, end: first.start, limit: OLDER_BARS })
      .then((before) => {
        const now = kept.current;
        if (!now || now.key !== have.key) return;
        const candles = [...before.candles, ...now.all.candles];
        kept.current = { ...now, complete: before.candles.length < OLDER_BARS, all: { ...now.all, candles, gaps: joinGaps(before, now.all) } };
        redraw((n) => n + 1);
      })
      .catch(() => undefined) // asked again on the next scroll
      .finally(() => {
        fetching.current = false;
      });
  }, [path, interval, adjust]);

  const mine = kept.current && kept.current.key === key ? kept.current.all : resource.data;
  return { ...resource, data: mine, older };
}

function joinGaps(a: Candles, b: Candles): Candles["gaps"] {
  const found = new Map([...a.gaps, ...b.gaps].map((gap) => [`${gap.from} ${gap.to}`, gap]));
  return [...found.values()];
}
