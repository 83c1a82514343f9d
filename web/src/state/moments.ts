// Moments of the time machine: which bar ended before, which comes next. Pure.
import { intervalSeconds } from "../format/time";
import { isoOf } from "./url";

export interface Ended {
  start: string;
  end: string;
  final: boolean;
}

/** The moment at which the bar before the last known one ended; null where there is none. */
export function stepBack(bars: readonly Ended[], asOf: string | null): string | null {
  const limit = asOf === null ? Infinity : Date.parse(asOf);
  const ends = bars.filter((bar) => bar.final && Date.parse(bar.end) < limit);
  // From now on, the first step leaves the present bar: to when the last one ended.
  return ends.at(-1)?.end ?? null;
}

/** The moment at which the next bar ended, of those that are told; null: that has not come. */
export function stepForward(bars: readonly Ended[], asOf: string, now: number): string | null {
  const after = Date.parse(asOf);
  const next = bars.map((bar) => Date.parse(bar.end)).find((end) => end > after);
  return next === undefined || next > now ? null : isoOf(next);
}

/** Where to look for the next bar: far enough for a weekend, a holiday or a short gap. */
export function windowAfter(asOf: string, interval: string): { start: string; end: string } {
  const at = Date.parse(asOf);
  const length = intervalSeconds(interval) * 1000;
  const reach = Math.max(12 * length, 12 * 86_400_000);
  return { start: isoOf(at - 2 * length), end: isoOf(at + reach) };
}

/** What `<input type="datetime-local">` wants: time in the zone, to the minute. */
export function toLocalInput(iso: string, zone: string | undefined): string {
  return isoOf(shifted(Date.parse(iso), zone)).slice(0, 16);
}

/** And back; null for what is no time. An hour that a change of clocks skips is moved by that hour. */
export function fromLocalInput(text: string, zone: string | undefined): string | null {
  const wall = Date.parse(`${text}Z`);
  if (text === "" || Number.isNaN(wall)) return null;
  let at = wall;
  for (let k = 0; k < 2; k += 1) at += wall - shifted(at, zone); // the offset there may differ from that at the first guess
  return isoOf(at);
}

/** The moment whose UTC spells what a clock in the zone shows. */
function shifted(ms: number, zone: string | undefined): number {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).formatToParts(ms);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "00";
  return Date.parse(`${of("year").padStart(4, "0")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}:${of("second")}Z`);
}
