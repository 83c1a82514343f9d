// The table of instruments. A price that comes redraws its own cells; the order waits while somebody reads it.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { segment } from "../api/client";
import type { SymbolItem } from "../api/types";
import { Scroll } from "../parts/bits";
import { Link } from "../parts/link";
import { prefs } from "../state/prefs";
import { tick as clockTick } from "../state/server";
import type { Board } from "./board";
import { AgeCell, ChangeCell, IntervalCell, MoveCell, PriceCell, SkillCell, SparkCell, SPARK_BARS } from "./cells";
import type { Sight } from "./sight";
import { sortedRows, wantedFirst, type SortKey } from "./rows";

interface TableProps {
  board: Board;
  /** Told what is on the screen, where that matters. */
  sight: Sight | null;
  items: readonly SymbolItem[];
  sort: SortKey;
  down: boolean;
  onSort: (key: SortKey) => void;
}

export function Table({ board, sight, items, sort, down, onSort }: TableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const order = useOrder(board, items, sort, down, () => isRead(body.current));
  // The same element again is not drawn again: a new order moves rows, it does not make them.
  const rows = useMemo(() => new Map(items.map((item) => [item.symbol, <Row key={item.symbol} item={item} board={board} sight={sight} />])), [items, board, sight]);
  useRoving(body, order);
  const head = (key: SortKey, label: ComponentChildren, kind = "") => (
    <th scope="col" class={kind} aria-sort={sort === key ? (down ? "descending" : "ascending") : "none"}>
      <button type="button" class="sorter" onClick={() => onSort(key)}>
        {label}
        <span aria-hidden="true">{sort === key ? (down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <Scroll label="Table of instruments">
      <table id="markets" aria-describedby="markets-keys">
        <caption class="sr-only" id="markets-keys">
          Arrow keys go from number to number, Enter on a name opens the instrument.
        </caption>
        <thead>
          <tr>
            {head("symbol", "Instrument")}
            {head("price", "Last", "num")}
            {head("change", "Change", "num")}
            <th scope="col" class="wide">
              Last {SPARK_BARS} bars
            </th>
            {head("age", "Age", "num wide")}
            {head("move", "Forecast", "num")}
            {head("interval", "80 % interval", "num wide")}
            {head("skill", "Skill", "wide")}
          </tr>
        </thead>
        <tbody ref={body}>{order.map((symbol) => rows.get(symbol))}</tbody>
      </table>
    </Scroll>
  );
}

function Row({ item, board, sight }: { item: SymbolItem; board: Board; sight: Sight | null }) {
  const cell = board.cell(item.symbol);
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => (row.current && sight ? sight.watch(row.current, item.symbol) : undefined), [sight]);
  return (
    <tr data-symbol={item.symbol} ref={row}>
      <th scope="row">
        <Link href={`/?symbol=${segment(item.symbol)}`}>
          <b>{item.symbol}</b>
          <span class="soft small wide">{item.name}</span>
        </Link>
      </th>
      <PriceCell item={item} cell={cell} answered={board.answered} />
      <ChangeCell item={item} cell={cell} />
      <SparkCell item={item} cell={cell} />
      <AgeCell cell={cell} />
      <MoveCell item={item} cell={cell} />
      <IntervalCell item={item} cell={cell} />
      <SkillCell item={item} cell={cell} />
    </tr>
  );
}

const NOBODY: readonly string[] = [];

/** The symbols in their order: looked at once a second, and left alone while `held`. */
function useOrder(board: Board, items: readonly SymbolItem[], sort: SortKey, down: boolean, held: () => boolean): string[] {
  const [, redraw] = useState(0);
  const first = sort === "symbol" && !down ? prefs.value.firstSymbols : NOBODY;
  const made = (): string[] => wantedFirst(sortedRows(items.map((item) => board.row(item)), sort, down).map((row) => row.symbol), first);
  const key = `${sort} ${down} ${first.join(",")}`;
  const kept = useRef<{ items: readonly SymbolItem[]; key: string; order: string[] }>(undefined);
  if (kept.current?.items !== items || kept.current.key !== key) kept.current = { items, key, order: made() };
  useEffect(
    () =>
      clockTick.subscribe(() => {
        if (!kept.current || held()) return;
        const order = made();
        if (order.every((symbol, i) => symbol === kept.current?.order[i])) return;
        kept.current.order = order;
        redraw((n) => n + 1);
      }),
    [items, key],
  );
  return kept.current.order;
}

/** A row must not run away from under a pointer or a focus. */
function isRead(body: HTMLElement | null): boolean {
  return body !== null && (body.matches(":hover") || body.contains(document.activeElement));
}

const STOPS = "a, button";
const STEPS: Record<string, [rows: number, columns: number]> = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [10, 0], PageUp: [-10, 0] };

/** One stop for the Tab key; the arrows go from number to number within the table. */
function useRoving(body: { current: HTMLTableSectionElement | null }, order: readonly string[]): void {
  useEffect(() => {
    const own = body.current;
    if (!own) return;
    const stops = (row: Element | undefined): HTMLElement[] => [...(row?.querySelectorAll<HTMLElement>(STOPS) ?? [])].filter((stop) => stop.offsetParent !== null);
    const onKey = (event: KeyboardEvent): void => {
      const at = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>(STOPS) : null;
      const row = at?.closest("tr");
      if (!at || !row || event.ctrlKey || event.metaKey || event.altKey) return;
      const all = [...own.rows];
      const column = stops(row).indexOf(at);
      const step = STEPS[event.key] ?? (event.key === "Home" ? [-all.length, 0] : event.key === "End" ? [all.length, 0] : null);
      if (!step) return;
      event.preventDefault();
      const there = stops(all[Math.max(0, Math.min(all.length - 1, all.indexOf(row) + step[0]))]);
      const next = there[Math.max(0, Math.min(there.length - 1, column + step[1]))];
      next?.focus();
      next?.scrollIntoView({ block: "nearest" });
    };
    // Whatever has the focus is the stop; buttons come and go with the data, so that this is settled on the way.
    const onFocus = (event: FocusEvent): void => {
      const at = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>(STOPS) : null;
      if (!at) return;
      for (const stop of own.querySelectorAll<HTMLElement>(STOPS)) stop.tabIndex = stop === at ? 0 : -1;
    };
    own.addEventListener("keydown", onKey);
    own.addEventListener("focusin", onFocus);
    return () => {
      own.removeEventListener("keydown", onKey);
      own.removeEventListener("focusin", onFocus);
    };
  }, []);
  useEffect(() => {
    const own = body.current;
    if (!own || own.contains(document.activeElement)) return;
    const all = [...own.querySelectorAll<HTMLElement>(STOPS)];
    for (const stop of all) stop.tabIndex = stop === all[0] ? 0 : -1;
  }, [order]);
}
