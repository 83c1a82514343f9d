// A number that answers "how sure, from how many, by what method": on hover, on focus, on a tap. Never clipped by a table.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Facts } from "./bits";

const WIDTH = 300;
const MARGIN = 12;

interface Props {
  /** What is measured, for those who hear the number alone. */
  of: string;
  rows: [string, ComponentChildren][];
  children: ComponentChildren;
}

export function Exact({ of, rows, children }: Props) {
  const [at, setAt] = useState<{ left: number; top: number } | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const open = (): void => {
    const box = button.current?.getBoundingClientRect();
    if (!box) return;
    const below = box.bottom + 6;
    const high = 40 + 28 * rows.length;
    setAt({ left: Math.max(MARGIN, Math.min(box.left, innerWidth - WIDTH - MARGIN)), top: below + high > innerHeight ? Math.max(MARGIN, box.top - high) : below });
  };
  const close = (): void => setAt(null);
  useEffect(() => {
    if (!at) return;
    addEventListener("scroll", close, true); // it stands still while the page moves
    return () => removeEventListener("scroll", close, true);
  }, [at !== null]);
  return (
    <span class="exact" onPointerEnter={(event) => event.pointerType === "mouse" && open()} onPointerLeave={(event) => event.pointerType === "mouse" && document.activeElement !== button.current && close()}>
      <button ref={button} type="button" class="plain-button" aria-describedby={at ? id : undefined} aria-expanded={at !== null} onFocus={open} onBlur={close} onClick={open} onKeyDown={(event) => event.key === "Escape" && close()}>
        {children}
        <span class="sr-only"> {of}</span>
      </button>
      <span id={id} role="tooltip" class="exact-sheet" hidden={!at} style={at ? { left: `${at.left}px`, top: `${at.top}px`, width: `${WIDTH}px` } : {}}>
        {at && <Facts rows={rows} />}
      </span>
    </span>
  );
}
