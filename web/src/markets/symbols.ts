// Every instrument, page by page.
import { get } from "../api/client";
import type { Page, SymbolItem } from "../api/types";
import { LIST_MAX } from "./rows";

const SYMBOLS_MAX = 2_000; // of more a table shows the first

export async function everySymbol(signal: AbortSignal): Promise<Page<SymbolItem>> {
  const items: SymbolItem[] = [];
  let next: string | null = null;
  do {
    const page: Page<SymbolItem> = await get("/symbols", { limit: LIST_MAX, cursor: next }, signal);
    items.push(...page.items);
    next = page.next;
  } while (next !== null && items.length < SYMBOLS_MAX);
  return { items, next };
}
