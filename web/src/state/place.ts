// Where the reader is: the address bar as a signal. A page is a path, what it shows is its query.
import { computed, signal } from "@preact/signals";

export interface Place {
  path: string;
  search: string;
}

export const PAGES = {
  markets: { path: "/", title: "Markets" },
  record: { path: "/record", title: "Track record" },
  compare: { path: "/compare", title: "Compare" },
  risk: { path: "/risk", title: "Risk" },
  models: { path: "/models", title: "Models" },
  data: { path: "/data", title: "Data health" },
  developers: { path: "/developers", title: "API" },
  settings: { path: "/settings", title: "Settings" },
} as const;

export type Room = keyof typeof PAGES;
export type PageName = Room | "instrument";

export const place = signal<Place>(here());

/** The page that an address means; `/` with a symbol is that instrument. null: there is no such page. */
export function pageAt({ path, search }: Place): PageName | null {
  const clean = path.replace(/\/+$/, "") || "/";
  if (clean === "/") return new URLSearchParams(search).get("symbol")?.trim() ? "instrument" : "markets";
  const found = (Object.keys(PAGES) as Room[]).find((name) => PAGES[name].path === clean);
  return found ?? null;
}

export const page = computed(() => pageAt(place.value));

/** Go somewhere: a step in the browser's history, unless the address only says the same place more exactly. */
export function go(url: string, { replace = false }: { replace?: boolean } = {}): void {
  const next = new URL(url, location.href);
  if (next.pathname + next.search === location.pathname + location.search) return;
  const turned = next.pathname !== location.pathname;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  place.value = here();
  if (turned) scrollTo(0, 0);
}

/** What a page keeps in its query, with defaults left out. */
export function withQuery(path: string, query: Record<string, string | null>): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== "");
  return pairs.length ? `${path}?${new URLSearchParams(pairs).toString()}` : path;
}

/** Read one word of the query. */
export function asked(name: string): string | null {
  return new URLSearchParams(place.value.search).get(name)?.trim() || null;
}

function here(): Place {
  return { path: location.pathname, search: location.search };
}

addEventListener("popstate", () => {
  place.value = here();
});
