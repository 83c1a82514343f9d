// What the reader is looking at lives in the URL, so that every view can be shared, reloaded and gone back to.

export type Adjust = "all" | "raw";
/** Candles, or a line through the closes; `auto`: a line where there is one number per bar. */
export type Kind = "auto" | "candles" | "line";

export interface View {
  symbol: string;
  interval: string | null; // null: the instrument's default
  horizon: number;
  level: number;
  model: string;
  adjust: Adjust;
  kind: Kind;
  volume: boolean;
  /** Past forecasts over what happened, so many steps ahead. */
  past: boolean;
  step: number;
  /** Columns of feature sets that are drawn, or names for several of them (chart/indicators.ts). */
  draw: readonly string[];
  /** How far back the chart opens; null: as the horizon asks for. */
  range: string | null;
  /** The moment whose knowledge is shown, ISO 8601 in UTC; null: now. */
  asOf: string | null;
  /** Then: a forecast computed again, instead of the one that stood in the ledger. */
  again: boolean;
}

export const DEFAULT_VIEW: View = { symbol: "EUR-USD", interval: null, horizon: 10, level: 0.8, model: "auto", adjust: "all", kind: "auto", volume: true, past: true, step: 1, draw: [], range: null, asOf: null, again: false };
export const HORIZON_MAX = 168;
/** Days back that a range means. */
export const RANGES: Readonly<Record<string, number>> = { "1w": 7, "1mo": 31, "3mo": 92, "1y": 366, "5y": 1827, max: Infinity };
export const DRAWN_MAX = 8;
export const LEVEL_MIN = 0.5;
export const LEVEL_MAX = 0.995;

const KINDS: readonly Kind[] = ["auto", "candles", "line"];

/** The view a query string spells; anything that makes no sense falls back to its default. */
export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const symbol = (query.get("symbol") ?? "").trim().slice(0, 64);
  return {
    symbol: symbol || DEFAULT_VIEW.symbol,
    interval: query.get("interval")?.trim() || null,
    horizon: clampHorizon(query.get("horizon")) ?? DEFAULT_VIEW.horizon,
    level: clampLevel(query.get("level")) ?? DEFAULT_VIEW.level,
    model: query.get("model")?.trim() || DEFAULT_VIEW.model,
    adjust: query.get("adjust") === "raw" ? "raw" : "all",
    kind: KINDS.find((kind) => kind === query.get("kind")) ?? DEFAULT_VIEW.kind,
    volume: query.get("volume") !== "0",
    past: query.get("past") !== "0",
    step: clampHorizon(query.get("step")) ?? DEFAULT_VIEW.step,
    draw: [...new Set((query.get("draw") ?? "").split(",").map((name) => name.trim()).filter((name) => /^[a-z][a-z0-9_]{0,63}$/.test(name)))].slice(0, DRAWN_MAX),
    range: Object.hasOwn(RANGES, query.get("range") ?? "") ? query.get("range") : null,
    asOf: momentOf(query.get("as_of")),
    again: query.get("recomputed") === "1",
  };
}

/** The query string of a view, without what is default. */
export function formatView(view: View): string {
  const query = new URLSearchParams({ symbol: view.symbol });
  if (view.interval) query.set("interval", view.interval);
  if (view.horizon !== DEFAULT_VIEW.horizon) query.set("horizon", String(view.horizon));
  if (view.level !== DEFAULT_VIEW.level) query.set("level", String(view.level));
  if (view.model !== DEFAULT_VIEW.model) query.set("model", view.model);
  if (view.adjust !== DEFAULT_VIEW.adjust) query.set("adjust", view.adjust);
  if (view.kind !== DEFAULT_VIEW.kind) query.set("kind", view.kind);
  if (!view.volume) query.set("volume", "0");
  if (!view.past) query.set("past", "0");
  if (view.step !== DEFAULT_VIEW.step) query.set("step", String(view.step));
  if (view.draw.length) query.set("draw", view.draw.join(","));
  if (view.range) query.set("range", view.range);
  if (view.asOf) query.set("as_of", view.asOf);
  if (view.asOf && view.again) query.set("recomputed", "1");
  return `?${query.toString()}`;
}

/** A whole number of steps from 1 to 168, or null. */
export function clampHorizon(text: string | null): number | null {
  if (text === null || !/^\d{1,4}$/.test(text.trim())) return null;
  const steps = Number(text);
  return steps >= 1 ? Math.min(steps, HORIZON_MAX) : null;
}

/** A confidence level from `0.8`, `80` or `80 %`, or null when it is none that a sample can support. */
export function clampLevel(text: string | null): number | null {
  const match = /^\s*(\d*\.?\d+)\s*%?\s*$/.exec(text ?? "");
  if (!match) return null;
  const value = Number(match[1]);
  const level = value > 1 ? value / 100 : value;
  return level >= LEVEL_MIN && level <= LEVEL_MAX ? Number(level.toFixed(4)) : null;
}

/** A moment in UTC to the second, or null. A bare date means its beginning in UTC; a time without a zone is refused. */
export function momentOf(text: string | null): string | null {
  const said = text?.trim() ?? "";
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(said)) return null;
  const at = Date.parse(said);
  return Number.isNaN(at) ? null : isoOf(at);
}

/** ISO 8601 in UTC without fractions, as the API writes it. */
export function isoOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
