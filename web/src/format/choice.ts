// How the reader wants numbers and times written. Set by state/prefs.ts; formats ask here, so that whoever shows one is drawn
// anew when it changes.
import { signal } from "@preact/signals";

/** The way numbers are written, by an example of it. */
export const NUMBER_STYLES = {
  point: { locale: "en", label: "1,234.56" },
  comma: { locale: "de", label: "1.234,56" },
  space: { locale: "fr", label: "1 234,56" },
  swiss: { locale: "de-CH", label: "1\u2019234.56" },
  indian: { locale: "en-IN", label: "12,34,567.89" },
} as const;
export type NumberStyle = keyof typeof NUMBER_STYLES;

const zone = signal<string | null>(null);
const style = signal<NumberStyle>("point");

/** null: the zone of the browser. */
export function chosenZone(): string | undefined {
  return zone.value ?? undefined;
}

export function chosenLocale(): string {
  return NUMBER_STYLES[style.value].locale;
}

export function choose(next: { zone: string | null; numbers: NumberStyle }): void {
  zone.value = next.zone;
  style.value = next.numbers;
}

/** Whether this browser knows the zone. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
