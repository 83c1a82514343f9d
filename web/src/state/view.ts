// The view as a signal, kept equal to the address bar.
import { signal } from "@preact/signals";
import { formatView, parseView, type View } from "./url";

export const view = signal<View>(parseView(location.search));

/** Change the view. A new symbol is a step in the browser's history, anything else replaces the current one. */
export function show(patch: Partial<View>): void {
  const next = { ...view.value, ...patch };
  const url = formatView(next);
  if (url === location.search) {
    view.value = next;
    return;
  }
  if (next.symbol !== view.value.symbol) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  view.value = next;
}

addEventListener("popstate", () => {
  view.value = parseView(location.search);
});
