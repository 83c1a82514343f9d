// Numbers as people read them: the instrument's own precision, a true minus sign, never a false digit.
import { chosenLocale } from "./choice";

const MINUS = "\u2212";
const DASH = "\u2013";

/** Decimals that a tick of this size needs: 0.0001 -> 4, 0.25 -> 2, 1 -> 0. */
export function decimalsOf(tick: number): number {
  if (!Number.isFinite(tick) || tick <= 0) return 2;
  for (let decimals = 0; decimals <= 10; decimals += 1) {
    const scaled = tick * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6) return decimals;
  }
  return 10;
}

const formats = new Map<string, Intl.NumberFormat>();

function fixed(value: number, decimals: number): string {
  const name = `${chosenLocale()} ${decimals}`;
  let format = formats.get(name);
  if (!format) {
    format = new Intl.NumberFormat(chosenLocale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    formats.set(name, format);
  }
  const text = format.format(value);
  return /[1-9]/.test(text) ? text.replace("-", MINUS) : text.replace("-", "");
}

/** A price in the precision of its tick. */
export function price(value: number | null | undefined, tick: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : fixed(value, decimalsOf(tick));
}

/** A price range, `1.0812 – 1.0990`. */
export function range(lower: number, upper: number, tick: number): string {
  return `${price(lower, tick)} ${DASH} ${price(upper, tick)}`;
}

/** A signed difference in the precision of its tick, `+0.0012`. */
export function change(value: number | null | undefined, tick: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return signed(fixed(value, decimalsOf(tick)));
}

/** A share as a signed percentage: 0.0123 -> `+1.23 %`. */
export function changePercent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return DASH;
  return `${signed(fixed(share * 100, 2))}\u2009%`;
}

function signed(text: string): string {
  return text.startsWith(MINUS) || !/[1-9]/.test(text) ? text : `+${text}`;
}

/** A share as a percentage: 0.8 -> `80 %`, 0.8012 -> `80.1 %` with one decimal. */
export function percent(share: number | null | undefined, decimals = 0): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return DASH;
  return `${fixed(share * 100, decimals)}\u2009%`;
}

/** A confidence level without useless zeros: 0.8 -> `80 %`, 0.995 -> `99.5 %`. */
export function level(value: number): string {
  const shown = Number((value * 100).toFixed(2));
  return `${fixed(shown, String(shown).split(".")[1]?.length ?? 0)}\u2009%`;
}

/** A count with thousands separators. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : fixed(value, 0);
}

/** A ratio to three decimals. */
export function ratio(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : fixed(value, 3);
}

/** A p-value as statisticians write it: `p = 0.032`, `p < 0.001`. */
export function pValue(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "p unknown";
  return value < 0.001 ? "p\u00a0<\u00a00.001" : `p\u00a0=\u00a0${fixed(value, 3)}`;
}

/** A correlation or another number of known decimals: `\u22120.31`. */
export function decimal(value: number | null | undefined, decimals = 2): string {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : fixed(value, decimals);
}

/** A score in price units, one digit finer than prices so that scores can be compared down a column. */
export function score(value: number | null | undefined, tick: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : fixed(value, decimalsOf(tick) + 1);
}

/** A small positive number (a score) to three significant digits. */
export function significant(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return "0";
  const decimals = Math.max(0, Math.min(10, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  return fixed(value, decimals);
}

/** A volume: `1.2M`. */
export function compact(value: number): string {
  return new Intl.NumberFormat(chosenLocale(), { notation: "compact", maximumFractionDigits: 1 }).format(value);
}
