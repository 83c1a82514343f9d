// Times: local to the reader with UTC at hand; dates of sessions and periods are labels and never shift with a zone.
import { chosenZone } from "./choice";

const INTRADAY = new Set(["1m", "5m", "15m", "30m", "1h", "4h"]);

export function isIntraday(interval: string): boolean {
  return INTRADAY.has(interval);
}

const cache = new Map<string, Intl.DateTimeFormat>();

/** Where the options name no zone it is the reader's: the one chosen in Settings, or the browser's. */
function formatter(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = options.timeZone ?? chosenZone();
  const key = `${name} ${zone ?? ""}`;
  let found = cache.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", zone === undefined ? options : { ...options, timeZone: zone });
    cache.set(key, found);
  }
  return found;
}

const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** The label of a bar: `Mon 4 Jan 2021`, `Jan 2021`, `Q1 2021`, or the local time below a day. */
export function barLabel(iso: string, interval: string, zone?: string): string {
  const at = new Date(iso);
  if (isIntraday(interval)) {
    const options = { weekday: "short", day: "numeric", month: "short", ...CLOCK, ...(zone ? { timeZone: zone } : {}) } as const;
    return formatter(`bar-${zone ?? "local"}`, options).format(at).replace(",", "").replace(",", "");
  }
  if (interval === "1q") return `Q${Math.floor(at.getUTCMonth() / 3) + 1} ${at.getUTCFullYear()}`;
  if (interval === "1y") return String(at.getUTCFullYear());
  if (interval === "1mo") return formatter("month", { month: "short", year: "numeric", timeZone: "UTC" }).format(at);
  const text = formatter("date", { weekday: "short", ...DAY, timeZone: "UTC" }).format(at).replace(",", "");
  return interval === "1w" ? `week of ${text}` : text;
}

/** The same without weekday and year where a table has no room: `4 Jan`, `4 Jan 14:00`. */
export function barLabelShort(iso: string, interval: string): string {
  const at = new Date(iso);
  if (isIntraday(interval)) {
    return formatter("bar-short", { day: "numeric", month: "short", ...CLOCK }).format(at).replace(",", "");
  }
  if (interval === "1y" || interval === "1q" || interval === "1mo") return barLabel(iso, interval);
  return formatter("date-short", { ...DAY, year: "2-digit", timeZone: "UTC" }).format(at);
}

export type AxisPart = "year" | "month" | "day" | "clock";
const AXIS: Record<AxisPart, Intl.DateTimeFormatOptions> = {
  year: { year: "numeric" },
  month: { month: "short" },
  day: { day: "numeric", month: "short" },
  clock: CLOCK,
};

/** A label of a time axis: local time below a day, period labels (never shifted) from a day on. */
export function axisLabel(ms: number, part: AxisPart, interval: string): string {
  const labels = isIntraday(interval) ? formatter(`axis-${part}`, AXIS[part]) : formatter(`axis-${part}-utc`, { ...AXIS[part], timeZone: "UTC" });
  return labels.format(ms);
}

/** A moment in local time: `4 Jan 2021, 14:00`. */
export function moment(iso: string): string {
  return formatter("moment", { ...DAY, ...CLOCK }).format(new Date(iso));
}

/** A moment in UTC: `4 Jan 2021, 13:00 UTC`. What hovering shows. */
export function momentUtc(iso: string): string {
  return `${formatter("moment-utc", { ...DAY, ...CLOCK, timeZone: "UTC" }).format(new Date(iso))} UTC`;
}

/** The replayed date in the banner: `Mon 4 Jan 2021, 13:00 UTC`. */
export function bannerTime(ms: number): string {
  const text = formatter("banner", { weekday: "short", ...DAY, ...CLOCK, timeZone: "UTC" }).format(new Date(ms));
  return `${text.replace(",", "")} UTC`;
}

/** The start of a stretch of time, in UTC like the stretch: `4 Jan 2021, 14:00`, `4 Jan 2021`, `Jan 2021`, `2021`. */
export function spanLabel(iso: string, stretch: "hour" | "day" | "week" | "month" | "year"): string {
  const at = new Date(iso);
  if (stretch === "year") return String(at.getUTCFullYear());
  if (stretch === "month") return formatter("month", { month: "short", year: "numeric", timeZone: "UTC" }).format(at);
  if (stretch === "hour") return `${formatter("span-hour", { ...DAY, ...CLOCK, timeZone: "UTC" }).format(at)} UTC`;
  return `${stretch === "week" ? "week of " : ""}${formatter("span-day", { ...DAY, timeZone: "UTC" }).format(at)}`;
}

/** A zone with what it is ahead of UTC at present: `Asia/Kolkata, UTC+5:30`. */
export function zoneLabel(zone: string, now: number = Date.now()): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts(now);
  const offset = parts.find((part) => part.type === "timeZoneName")?.value.replace("GMT", "UTC") ?? "";
  return `${zone}, ${offset.replace("-", "\u2212")}`;
}

/** An age in the largest unit that says something: `12 s`, `3 min`, `5 h`, `2 d`, `4 mo`, `3 y`. */
export function age(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  if (s < 90 * 86400) return `${Math.floor(s / 86400)} d`;
  if (s < 730 * 86400) return `${Math.floor(s / 2629746)} mo`;
  return `${Math.floor(s / 31556952)} y`;
}

const UNITS: Record<string, [string, string]> = {
  "1m": ["minute", "minutes"],
  "5m": ["5-minute bar", "5-minute bars"],
  "15m": ["15-minute bar", "15-minute bars"],
  "30m": ["30-minute bar", "30-minute bars"],
  "1h": ["hour", "hours"],
  "4h": ["4-hour bar", "4-hour bars"],
  "1d": ["day", "days"],
  "1w": ["week", "weeks"],
  "1mo": ["month", "months"],
  "1q": ["quarter", "quarters"],
  "1y": ["year", "years"],
};

/** `10 days`, `1 hour`: steps counted in bars of the interval; days and hours are those the market is open. */
export function steps(n: number, interval: string, calendar?: string): string {
  const [one, many] = UNITS[interval] ?? ["bar", "bars"];
  const open = calendar && calendar !== "24/7" && (interval === "1d" || interval === "1h") ? "trading " : "";
  return `${n} ${open}${n === 1 ? one : many}`;
}

const INTERVAL_NAMES: Record<string, string> = {
  "1m": "1 minute", "5m": "5 minutes", "15m": "15 minutes", "30m": "30 minutes", "1h": "1 hour", "4h": "4 hours",
  "1d": "1 day", "1w": "1 week", "1mo": "1 month", "1q": "1 quarter", "1y": "1 year",
};

/** An interval in words. */
export function intervalName(interval: string): string {
  return INTERVAL_NAMES[interval] ?? interval;
}

/** Nominal seconds of an interval. */
export function intervalSeconds(interval: string): number {
  const match = /^(\d+)(mo|[mhdwq])$/.exec(interval);
  if (!match) return 86400;
  const unit = { m: 60, h: 3600, d: 86400, w: 604800, mo: 2629746, q: 7889238 }[match[2] as "m"] ?? 86400;
  return Number(match[1]) * unit;
}
