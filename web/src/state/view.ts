// What is shown of one instrument, read from the address bar.
import { computed } from "@preact/signals";
import { go, place } from "./place";
import { formatView, parseView, type View } from "./url";

export const view = computed<View>(() => parseView(place.value.search));

/** Change the view. A new symbol, and leaving for the past or coming back, are steps in the browser's history; the rest replaces. */
export function show(patch: Partial<View>): void {
  const next = { ...view.value, ...patch };
  const travelled = (next.asOf === null) !== (view.value.asOf === null);
  const turned = travelled || next.symbol !== view.value.symbol || place.value.path !== "/" || !place.value.search;
  go(`/${formatView(next)}`, { replace: !turned });
}
