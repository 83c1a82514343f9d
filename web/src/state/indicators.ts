// The values of chosen indicators: the newest rows first, older ones as far back as the reader looks.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Features, FeatureSet } from "../api/types";
import { columnsBySet, indicatorsOf, linesOf, mergeValues, type Indicator, type Line, type Values } from "../chart/indicators";
import { newestValues } from "../chart/bars";
import { seconds } from "../chart/series";
import { useResource } from "./resource";

const PAGE_ROWS = 1_000; // the most the server gives
const FRESH_ROWS = 4;
const ROWS_MAX = 20_000;

interface Kept {
  key: string;
  values: Values;
  adjust: string;
  first: number; // seconds of the oldest row
  complete: boolean;
}

export interface Indicators {
  known: readonly Indicator[];
  lines: readonly Line[];
  values: Values;
  /** How the prices were adjusted that they are computed from. */
  adjust: string | null;
  error: string | null;
}

interface Wanted {
  symbol: string | null;
  interval: string | null;
  chosen: readonly string[];
  asOf: string | null;
  /** The oldest bar that the chart has, in seconds. */
  from: number | null;
  /** The last closed bar: a new one brings new values. */
  last: string | null;
}

const NOTHING: Values = new Map();

export function useIndicators({ symbol, interval, chosen, asOf, from, last }: Wanted): Indicators {
  const sets = useResource<{ items: FeatureSet[] }>("feature sets", (signal) => get("/features/sets", {}, signal));
  const known = useRef<Indicator[]>([]);
  if (sets.data && known.current.length === 0) known.current = indicatorsOf(sets.data.items);
  const lines = linesOf(chosen, known.current);
  const wanted = columnsBySet(chosen, known.current);
  const asks = [...wanted].map(([set, columns]) => ({ set, columns: columns.join(",") }));
  const key = symbol && interval && last && asks.length ? `indicators ${symbol} ${interval} ${asOf} ${JSON.stringify(asks)}` : null;
  const kept = useRef<Kept | null>(null);
  const busy = useRef(false);
  const [, redraw] = useState(0);
  const path = `/features/${segment(symbol ?? "")}`;

  const fetched = async (limit: number, end: string | null, signal?: AbortSignal): Promise<{ values: Values; adjust: string; rows: number }> => {
    const answers = await Promise.all(asks.map(({ set, columns }) => get<Features>(path, { set, columns, interval, limit, end, as_of: asOf }, signal)));
    let values: Values = NOTHING;
    for (const answer of answers) values = mergeValues(values, valuesOf(answer));
    return { values, adjust: answers[0]?.adjust ?? "raw", rows: Math.max(0, ...answers.map((a) => a.rows.length)) };
  };

  const resource = useResource<Values>(key && `${key} ${last}`, async (signal) => {
    const have = kept.current?.key === key ? kept.current : null;
    const { values, adjust, rows } = await fetched(have ? FRESH_ROWS : PAGE_ROWS, null, signal);
    const newest = have ? [...have.values.keys()].at(-1) : undefined;
    const joins = newest !== undefined && values.has(newest);
    if (have && joins) {
      const joined = newestValues(mergeValues(have.values, values), ROWS_MAX);
      kept.current = { ...have, values: joined, first: first(joined) };
    } else if (have) {
      const anew = await fetched(PAGE_ROWS, null, signal);
      kept.current = keptOf(key ?? "", anew);
    } else kept.current = keptOf(key ?? "", { values, adjust, rows });
    return kept.current.values;
  });

  useEffect(() => {
    const have = kept.current;
    if (!have || have.key !== key || from === null || have.complete || busy.current || have.first <= from || have.values.size >= ROWS_MAX) return;
    busy.current = true;
    fetched(PAGE_ROWS, new Date(have.first * 1000).toISOString())
      .then(({ values, rows }) => {
        const now = kept.current;
        if (!now || now.key !== have.key) return;
        const joined = mergeValues(values, now.values);
        kept.current = { ...now, values: joined, first: first(joined), complete: rows < PAGE_ROWS };
        redraw((n) => n + 1);
      })
      .catch(() => {
        if (kept.current?.key === have.key) kept.current = { ...kept.current, complete: true }; // before the first bar there is nothing
      })
      .finally(() => {
        busy.current = false;
      });
  });

  const mine = key && kept.current?.key === key ? kept.current : null;
  return {
    known: known.current,
    lines,
    values: mine?.values ?? NOTHING,
    adjust: mine?.adjust ?? null,
    error: (sets.error ?? resource.error)?.problem.detail ?? null,
  };
}

function keptOf(key: string, { values, adjust, rows }: { values: Values; adjust: string; rows: number }): Kept {
  return { key, values, adjust, first: first(values), complete: rows < PAGE_ROWS };
}

function first(values: Values): number {
  return values.keys().next().value ?? Infinity;
}

function valuesOf(answer: Features): Values {
  const names = answer.columns.map((column) => column.name);
  return new Map(answer.rows.map((row) => [seconds(row.start), Object.fromEntries(names.map((name, f) => [name, row.values[f] ?? null]))]));
}
