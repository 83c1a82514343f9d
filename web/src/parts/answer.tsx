// A number that answers: from where, of when, how sure. On hover, focus or a tap; nothing of it is made before.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Facts } from "./bits";

const HOVER_MS = 180; // whoever only passes over a table wants no answers
const EDGE_PX = 8;

type Rows = [string, ComponentChildren][];

interface Props {
  /** What is measured: `Price of EUR-USD`. */
  of: string;
  facts: Rows | (() => Rows);
  note?: () => ComponentChildren;
  /** In a table where every number answers neither a line below it nor its name on each of them helps. */
  quiet?: boolean;
  children: ComponentChildren;
}

/** The number as a button of its own size; the answer floats above everything, so that no table cuts it off. */
export function Answer({ of, facts, note, quiet = false, children }: Props) {
  const [open, setOpen] = useState(false);
  const pinned = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const root = useRef<HTMLSpanElement>(null);
  const id = useId();
  const close = (): void => {
    clearTimeout(timer.current);
    pinned.current = false;
    setOpen(false);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span
      class={quiet ? "answer quiet" : "answer"}
      ref={root}
      onPointerEnter={(event) => {
        if (event.pointerType !== "mouse") return;
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setOpen(true), HOVER_MS);
      }}
      onPointerLeave={() => {
        clearTimeout(timer.current);
        if (!pinned.current && !root.current?.contains(document.activeElement)) setOpen(false);
      }}
      onFocusIn={() => setOpen(true)}
      onFocusOut={(event) => !(event.relatedTarget instanceof Node && root.current?.contains(event.relatedTarget)) && close()}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        class="number"
        aria-expanded={open}
        aria-describedby={open ? id : undefined}
        onClick={() => {
          pinned.current = !(open && pinned.current);
          setOpen(pinned.current);
        }}
      >
        {children}
        {!quiet && <span class="sr-only"> {of}</span>}
      </button>
      {open && <Sheet id={id} of={of} facts={typeof facts === "function" ? facts() : facts} note={note?.()} onGone={close} />}
    </span>
  );
}

interface SheetProps {
  id: string;
  of: string;
  facts: Rows;
  note: ComponentChildren;
  onGone: () => void;
}

function Sheet({ id, of, facts, note, onGone }: SheetProps) {
  const sheet = useRef<HTMLSpanElement>(null);
  const place = (): void => {
    const own = sheet.current;
    const number = own?.parentElement?.getBoundingClientRect();
    if (!own || !number) return;
    const { width, height } = own.getBoundingClientRect();
    const below = number.bottom + 6;
    const fits = below + height <= innerHeight - EDGE_PX;
    own.style.top = `${Math.max(EDGE_PX, fits ? below : number.top - height - 6)}px`;
    own.style.left = `${Math.max(EDGE_PX, Math.min(number.right - width, innerWidth - width - EDGE_PX))}px`;
  };
  useLayoutEffect(place, []);
  useEffect(() => {
    // A focused number is brought into view by scrolling: its answer goes along. Any other would stay behind.
    const scrolled = (event: Event): void => {
      const own = sheet.current;
      if (!own || (event.target instanceof Node && own.contains(event.target))) return;
      if (own.parentElement?.contains(document.activeElement) && isSeen(own.parentElement)) place();
      else onGone();
    };
    addEventListener("scroll", scrolled, { capture: true, passive: true });
    return () => removeEventListener("scroll", scrolled, { capture: true });
  }, []);
  return (
    <span class="sheet floating" id={id} ref={sheet} role="tooltip" aria-label={of}>
      <Facts rows={facts} />
      {note && <p class="sheet-note">{note}</p>}
    </span>
  );
}

function isSeen(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}
