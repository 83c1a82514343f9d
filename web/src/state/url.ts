// What the reader is looking at lives in the URL, so that every view can be shared, reloaded and gone back to.

export type Adjust = "all" | "raw";

export interface View {
  symbol: string;
  interval: string | null; // null: the instrument's default
  horizon: number;
  level: number;
  model: string;
  adjust: Adjust;
}

export const DEFAULT_VIEW: View = { symbol: "EUR-USD", interval: null, horizon: 10, level: 0.8, model: "auto", adjust: "all" };
export const HORIZON_MAX = 168;
export const LEVEL_MIN = 0.5;
export const LEVEL_MAX = 0.995;

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
