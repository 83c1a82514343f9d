// Past forecasts of one model at one step, from the ledger: page by page as far back as the chart shows.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { HistoryItem, Page } from "../api/types";
import { seconds } from "../chart/series";
import { pollMs, slowPollMs } from "./server";
import { useResource, type Resource } from "./resource";
import { covers, useStream } from "./stream";

const PAGE_ITEMS = 200; // the most the server gives
const ITEMS_MAX = 4_000;
const QUIET_MS = 400; // outcomes come in groups

interface Kept {
  key: string;
  items: HistoryItem[]; // newest first
  next: string | null;
}

interface Wanted {
  symbol: string | null;
  interval: string | null;
  model: string | null;
  step: number;
  level: number;
  asOf: string | null;
  /** The oldest bar that the chart has, in seconds; null: one page is enough. */
  from: number | null;
  /** Told when something about these forecasts changed. */
  onNews?: () => void;
}

export function useClaims({ symbol, interval, model, step, level, asOf, from, onNews }: Wanted): Resource<HistoryItem[]> {
  const key = symbol && interval && model ? `claims ${symbol} ${interval} ${model} ${step} ${level} ${asOf}` : null;
  const kept = useRef<Kept | null>(null);
  const busy = useRef(false);
  const [, redraw] = useState(0);
  const path = `/forecasts/${segment(symbol ?? "")}/history`;
  const question = { interval, model, horizon: step, level, as_of: asOf, limit: PAGE_ITEMS };
  const topics = symbol && !asOf ? [`scores:${symbol}`, `forecasts:${symbol}`] : [];

  const resource = useResource<HistoryItem[]>(
    key,
    async (signal) => {
      const page = await get<Page<HistoryItem>>(path, question, signal);
      const have = kept.current?.key === key ? kept.current : null;
      const oldest = page.items.at(-1)?.id;
      const at = have && oldest !== undefined ? have.items.findIndex((item) => item.id === oldest) : -1;
      // What was paged before stays behind the page that is new, where the two meet.
      kept.current = have && at >= 0 ? { ...have, items: [...page.items, ...have.items.slice(at + 1)].slice(0, ITEMS_MAX) } : { key: key ?? "", items: page.items, next: page.next };
      return kept.current.items;
    },
    asOf ? {} : { everyMs: () => (covers(topics) ? slowPollMs() : pollMs()) },
  );

  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useStream<{ interval?: string; model?: string }>(topics, (told, meta) => {
    if (told === null && (meta.kind !== "reload" || meta.first)) return;
    if (told !== null && (meta.kind === "snapshot" || told.interval !== interval)) return;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      resource.reload();
      onNews?.();
    }, QUIET_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);

  useEffect(() => {
    const have = kept.current;
    const oldest = have?.items.at(-1);
    if (!have || have.key !== key || !oldest || have.next === null || busy.current || from === null || have.items.length >= ITEMS_MAX || seconds(oldest.target) <= from) return;
    busy.current = true;
    get<Page<HistoryItem>>(path, { ...question, cursor: have.next })
      .then((page) => {
        const now = kept.current;
        if (!now || now.key !== have.key) return;
        const there = new Set(now.items.map((item) => item.id));
        kept.current = { ...now, items: [...now.items, ...page.items.filter((item) => !there.has(item.id))], next: page.next };
        redraw((n) => n + 1);
      })
      .catch(() => undefined)
      .finally(() => {
        busy.current = false;
      });
  });

  const mine = key && kept.current?.key === key ? kept.current.items : resource.data;
  return { ...resource, data: mine };
}
