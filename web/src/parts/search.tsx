// Symbol search: `/` to get here, arrows to walk, Enter to go. Grouped by class; ambiguity lists the candidates.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { ApiFailure, get, segment } from "../api/client";
import type { Page, SymbolDetail, SymbolItem } from "../api/types";
import { show, view } from "../state/view";
import { SearchIcon } from "./icons";

const CLASS_NAMES: Record<string, string> = {
  fx: "Currencies",
  crypto: "Crypto",
  equity: "Stocks",
  etf: "Funds",
  index: "Indices",
  commodity: "Commodities",
  macro: "Economy",
};
const DEBOUNCE_MS = 90;

/** Groups in the order in which their best hit came. */
export function grouped(items: readonly SymbolItem[]): [string, SymbolItem[]][] {
  const groups = new Map<string, SymbolItem[]>();
  for (const item of items) {
    const group = groups.get(item.asset_class);
    if (group) group.push(item);
    else groups.set(item.asset_class, [item]);
  }
  return [...groups];
}

export function className(assetClass: string): string {
  return CLASS_NAMES[assetClass] ?? assetClass;
}

export function Search() {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [items, setItems] = useState<SymbolItem[]>([]);
  const [active, setActive] = useState(-1);
  const [note, setNote] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const at = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || at.closest("input, textarea, select")) return;
      event.preventDefault();
      input.current?.focus();
    };
    const away = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerdown", away);
    return () => {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("pointerdown", away);
    };
  }, []);

  useEffect(() => {
    if (!open) return;
    const abort = new AbortController();
    const timer = setTimeout(
      () => {
        get<Page<SymbolItem>>("/symbols", { query: text.trim() || null, limit: 50 }, abort.signal)
          .then((page) => {
            setItems(grouped(page.items).flatMap(([, group]) => group));
            setActive(-1);
            setNote(page.items.length ? "" : `Nothing matches “${text.trim()}”. Try a currency pair, a ticker or a name.`);
          })
          .catch((error: unknown) => {
            if (error instanceof ApiFailure) setNote(error.problem.detail);
          });
      },
      text ? DEBOUNCE_MS : 0,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, open]);

  const choose = (symbol: string): void => {
    show({ symbol, interval: null });
    setOpen(false);
    setText("");
    input.current?.blur();
  };

  const resolve = async (): Promise<void> => {
    const typed = text.trim();
    const picked = items[active] ?? (items.length === 1 ? items[0] : undefined);
    if (picked) return choose(picked.symbol);
    if (!typed) return;
    try {
      choose((await get<SymbolDetail>(`/symbols/${segment(typed)}`)).symbol);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      const named = (error.problem["candidates"] ?? error.problem["nearest"]) as string[] | undefined;
      setNote(error.problem.code === "ambiguous_symbol" ? `“${typed}” may be any of these:` : error.problem.detail);
      if (named?.length) {
        const found = await Promise.all(named.map((symbol) => get<SymbolItem>(`/symbols/${segment(symbol)}`).catch(() => null)));
        setItems(grouped(found.filter((item) => item !== null)).flatMap(([, group]) => group));
        setActive(-1);
      }
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive((at) => (items.length ? (at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      void resolve();
    } else if (event.key === "Escape") {
      setText("");
      setOpen(false);
      input.current?.blur();
    }
  };

  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active]);

  let at = 0;
  return (
    <div class="search" ref={root} role="search">
      <SearchIcon />
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search symbols"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        placeholder="Search EUR/USD, Apple, bitcoin…"
        autocomplete="off"
        spellcheck={false}
        maxLength={64}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={(event) => {
          if (!root.current?.contains(event.relatedTarget as Node | null)) setOpen(false);
        }}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <div class="results" hidden={!open}>
        {note && (
          <p class="note" role="status">
            {note}
          </p>
        )}
        <div role="listbox" id={`${id}-list`} aria-label="Symbols">
          {grouped(items).map(([assetClass, group]) => (
            <div role="group" aria-label={className(assetClass)} key={assetClass}>
              <div class="group" aria-hidden="true">
                {className(assetClass)}
              </div>
              {group.map((item) => {
                const index = at++;
                return (
                  <div
                    key={item.symbol}
                    id={`${id}-${index}`}
                    role="option"
                    aria-selected={index === active}
                    class="option"
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => choose(item.symbol)}
                    onPointerMove={() => setActive(index)}
                  >
                    <b>{item.symbol}</b>
                    <span>{item.name}</span>
                    {item.symbol === view.value.symbol && <em>shown</em>}
                  </div>
                );
              })}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
