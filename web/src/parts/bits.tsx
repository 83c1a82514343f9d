// Small pieces used everywhere: times, popovers, segmented choices, skeletons.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { moment, momentUtc } from "../format/time";

/** A moment in local time, UTC on hover. */
export function When({ iso, children }: { iso: string; children?: ComponentChildren }) {
  return (
    <time dateTime={iso} title={momentUtc(iso)}>
      {children ?? moment(iso)}
    </time>
  );
}

/** A button whose details open on hover, focus or a tap, and close on Escape. */
export function Details({ label, summary, children, kind = "" }: { label: string; summary: ComponentChildren; children: ComponentChildren; kind?: string }) {
  const [pinned, setPinned] = useState(false);
  const [hovered, setHovered] = useState(false);
  const id = useId();
  const root = useRef<HTMLSpanElement>(null);
  const open = pinned || hovered;
  useEffect(() => {
    if (!pinned) return;
    const away = (event: Event): void => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setPinned(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [pinned]);
  return (
    <span
      class={`details ${kind}`}
      ref={root}
      onPointerEnter={(event) => event.pointerType === "mouse" && setHovered(true)}
      onPointerLeave={() => setHovered(false)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        setPinned(false);
        setHovered(false);
      }}
      onFocusOut={(event) => {
        if (!(event.relatedTarget instanceof Node && root.current?.contains(event.relatedTarget))) setPinned(false);
      }}
    >
      <button type="button" class="chip" aria-expanded={open} aria-controls={id} onClick={() => setPinned((p) => !p)}>
        {summary}
      </button>
      <span class="sheet" id={id} role="region" aria-label={label} hidden={!open}>
        {children}
      </span>
    </span>
  );
}

/** Facts as a definition list. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface ChoiceProps<T extends string | number> {
  legend: string;
  value: T | null;
  options: { value: T; label: string; title?: string }[];
  onChange: (value: T) => void;
  children?: ComponentChildren;
}

/** One of a few, as a segmented control: radio buttons underneath, so arrows and screen readers work. */
export function Choice<T extends string | number>({ legend, value, options, onChange, children }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>{legend}</legend>
      <div class="segments">
        {options.map((option) => (
          <label key={option.value} title={option.title}>
            <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} aria-label={option.title ?? option.label} />
            <span>{option.label}</span>
          </label>
        ))}
        {children}
      </div>
    </fieldset>
  );
}

/** What may be wider than the page: scrolled by itself, by keyboard too, and named for those who hear it. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

/** A grey shape where something will be. */
export function Bone({ width = "100%", height = "1em" }: { width?: string; height?: string }) {
  return <span class="bone" style={{ width, height }} aria-hidden="true" />;
}
