// Light, dark, or whatever the system says; remembered where storage is allowed.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "truecast.theme";
const ORDER: Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
}

export const theme = signal<Theme>(stored());
/** Counts changes of what is really shown, the system's included: canvases redraw on it. */
export const shade = signal(0);

export function nextTheme(): void {
  setTheme(ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? "system");
}

export function setTheme(next: Theme): void {
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
  theme.value = next;
  shade.value += 1;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  shade.value += 1;
});

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
