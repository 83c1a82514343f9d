// What the reader prefers: time zone, number format, what Markets shows first. Kept in this browser where storage is allowed.
import { signal } from "@preact/signals";
import { choose, isZone, NUMBER_STYLES, type NumberStyle } from "../format/choice";

export interface Prefs {
  /** null: the zone of the browser. */
  zone: string | null;
  numbers: NumberStyle;
  /** The class that Markets opens with; null: all. */
  firstClass: string | null;
  /** Symbols that Markets lists before the others. */
  firstSymbols: string[];
}

export const DEFAULT_PREFS: Prefs = { zone: null, numbers: "point", firstClass: null, firstSymbols: [] };
export const FIRST_SYMBOLS_MAX = 50;
const KEPT_AT = "truecast.prefs";
const PROBE = "truecast.probe";

/** What a kept text says; whatever makes no sense, or is of another version, falls back to its default. */
export function parsePrefs(text: string | null): Prefs {
  let said: unknown;
  try {
    said = JSON.parse(text ?? "{}");
  } catch {
    said = {};
  }
  const { zone, numbers, firstClass, firstSymbols } = (said !== null && typeof said === "object" ? said : {}) as Record<string, unknown>;
  return {
    zone: typeof zone === "string" && isZone(zone) ? zone : null,
    numbers: typeof numbers === "string" && Object.hasOwn(NUMBER_STYLES, numbers) ? (numbers as NumberStyle) : "point",
    firstClass: typeof firstClass === "string" && firstClass ? firstClass.slice(0, 32) : null,
    firstSymbols: Array.isArray(firstSymbols) ? [...new Set(firstSymbols.filter((one): one is string => typeof one === "string" && one !== ""))].slice(0, FIRST_SYMBOLS_MAX) : [],
  };
}

function kept(): { text: string | null; blocked: boolean } {
  try {
    const text = localStorage.getItem(KEPT_AT);
    localStorage.setItem(PROBE, "1"); // a full or read-only storage can be read and refuses to keep
    localStorage.removeItem(PROBE);
    return { text, blocked: false };
  } catch {
    return { text: null, blocked: true };
  }
}

const atStart = kept();
/** Whether this browser refuses to keep anything: choices last as long as the page then, and Settings says so. */
export const storageBlocked = signal(atStart.blocked);
export const prefs = signal<Prefs>(parsePrefs(atStart.text));
choose(prefs.peek());

export function prefer(patch: Partial<Prefs>): void {
  const next = { ...prefs.peek(), ...patch };
  prefs.value = next;
  try {
    if (JSON.stringify(next) === JSON.stringify(DEFAULT_PREFS)) localStorage.removeItem(KEPT_AT);
    else localStorage.setItem(KEPT_AT, JSON.stringify(next));
  } catch {
    storageBlocked.value = true;
  }
  choose(next);
}
