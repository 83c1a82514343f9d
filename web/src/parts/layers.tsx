// What is drawn beside the bars: line or candles, volume, past forecasts, indicators, how far back. All of it in the address.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Forecast, SymbolDetail } from "../api/types";
import type { Indicator, Line } from "../chart/indicators";
import { CHART_SET } from "../chart/indicators";
import { LINE_COLORS } from "../chart/colors";
import { intervalSeconds, steps } from "../format/time";
import { clampHorizon, DRAWN_MAX, RANGES, type Kind, type View } from "../state/url";
import { Choice } from "./bits";

interface Props {
  detail: SymbolDetail;
  view: View;
  interval: string;
  forecast: Forecast | null;
  known: readonly Indicator[];
  /** Whether there is one number per bar, so that candles would only pretend. */
  flat: boolean;
  hasVolume: boolean;
  /** Why indicators on the price are not drawn; null when they are. */
  refused: string | null;
  onChange: (patch: Partial<View>) => void;
  children?: ComponentChildren;
}

const RANGE_BARS_MIN = 5;
const RANGE_LABELS: Record<string, string> = { "1w": "1W", "1mo": "1M", "3mo": "3M", "1y": "1Y", "5y": "5Y", max: "All" };

export function Layers({ detail, view, interval, forecast, known, flat, hasVolume, refused, onChange, children }: Props) {
  // A week of months is nothing to look at; one that the address names is offered all the same.
  const sensible = (range: string): boolean => range === view.range || ((RANGES[range] ?? 0) * 86_400) / intervalSeconds(interval) >= RANGE_BARS_MIN;
  return (
    <div class="layers" role="group" aria-label="What is drawn">
      <Choice
        legend="Range"
        value={view.range ?? "auto"}
        options={[{ value: "auto", label: "Auto", title: "As far back as the horizon asks for" }, ...Object.keys(RANGES).filter(sensible).map((value) => ({ value, label: RANGE_LABELS[value] ?? value, title: value === "max" ? "All there is" : value }))]}
        onChange={(value) => onChange({ range: value === "auto" ? null : value })}
      />
      {!flat && (
        <Choice<Kind>
          legend="Bars"
          value={view.kind === "line" ? "line" : "candles"}
          options={[
            { value: "candles", label: "Candles" },
            { value: "line", label: "Line" },
          ]}
          onChange={(kind) => onChange({ kind: kind === "candles" ? "auto" : kind })}
        />
      )}
      <fieldset class="field toggles">
        <legend>Show</legend>
        <div>
          <label class="toggle">
            <input type="checkbox" checked={view.past} onChange={(event) => onChange({ past: event.currentTarget.checked })} />
            Past forecasts
          </label>
          {view.past && <Step value={view.step} interval={interval} calendar={detail.calendar} most={forecast?.horizon ?? 24} onChange={(step) => onChange({ step })} />}
          {hasVolume && (
            <label class="toggle">
              <input type="checkbox" checked={view.volume} onChange={(event) => onChange({ volume: event.currentTarget.checked })} />
              Volume
            </label>
          )}
        </div>
      </fieldset>
      <Indicators chosen={view.draw} known={known} refused={refused} onChange={(draw) => onChange({ draw })} />
      {children}
    </div>
  );
}

/** How many steps ahead the past forecasts were made that are drawn. */
function Step({ value, interval, calendar, most, onChange }: { value: number; interval: string; calendar: string; most: number; onChange: (step: number) => void }) {
  const [draft, setDraft] = useState(String(value));
  useEffect(() => setDraft(String(value)), [value]);
  const wanted = clampHorizon(draft);
  return (
    <label class="step">
      <span class="sr-only">Past forecasts made so many steps ahead</span>
      <input
        type="number"
        inputMode="numeric"
        min={1}
        max={most}
        value={draft}
        title={wanted === null ? undefined : `Made ${steps(wanted, interval, calendar)} ahead`}
        aria-invalid={wanted === null}
        onInput={(event) => {
          setDraft(event.currentTarget.value);
          const step = clampHorizon(event.currentTarget.value);
          if (step !== null && step !== value) onChange(step);
        }}
        onBlur={() => setDraft(String(wanted ?? value))}
      />
      <span aria-hidden="true">ahead</span>
    </label>
  );
}

interface IndicatorProps {
  chosen: readonly string[];
  known: readonly Indicator[];
  refused: string | null;
  onChange: (draw: string[]) => void;
}

function Indicators({ chosen, known, refused, onChange }: IndicatorProps) {
  const [open, setOpen] = useState(false);
  const [filter, setFilter] = useState("");
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLInputElement>("input")?.focus();
    const away = (event: Event): void => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const words = filter.trim().toLowerCase();
  const shown = known.filter((one) => !words || `${one.title} ${one.key} ${one.about}`.toLowerCase().includes(words));
  const groups: [string, Indicator[]][] = [
    ["On the price", shown.filter((one) => one.pane === "price")],
    ["Below it", shown.filter((one) => one.pane !== "price" && one.set === CHART_SET)],
    ["What models read", shown.filter((one) => one.pane !== "price" && one.set !== CHART_SET)],
  ];
  const full = chosen.length >= DRAWN_MAX;
  return (
    <div
      class="field indicators"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        setOpen(false);
        root.current?.querySelector("button")?.focus();
      }}
    >
      <span id={`${id}-label`}>Indicators</span>
      <button type="button" class="select-button" id={`${id}-button`} aria-labelledby={`${id}-label ${id}-button`} aria-expanded={open} aria-controls={id} onClick={() => setOpen((now) => !now)}>
        {chosen.length === 0 ? "None" : `${chosen.length} drawn`}
      </button>
      {open && (
        <div class="sheet indicator-sheet" id={id} role="region" aria-label="Indicators">
          <input type="search" class="filter" placeholder="Filter" aria-label="Filter indicators" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
          {refused && <p class="soft small">{refused}</p>}
          {full && <p class="soft small">{DRAWN_MAX} are drawn, which is the most.</p>}
          <div class="indicator-list" tabIndex={0} role="region" aria-label="List of indicators">
            {groups.map(
              ([title, items]) =>
                items.length > 0 && (
                  <fieldset key={title}>
                    <legend>{title}</legend>
                    {items.map((one) => {
                      const on = chosen.includes(one.key);
                      return (
                        <label key={one.key} class="indicator" title={one.about}>
                          <input type="checkbox" checked={on} disabled={!on && full} onChange={() => onChange(on ? chosen.filter((key) => key !== one.key) : [...chosen, one.key])} />
                          <span>{one.title}</span>
                        </label>
                      );
                    })}
                  </fieldset>
                ),
            )}
            {shown.length === 0 && <p class="soft small">Nothing is called so.</p>}
          </div>
          {chosen.length > 0 && (
            <button type="button" class="button small" onClick={() => onChange([])}>
              Remove all
            </button>
          )}
        </div>
      )}
    </div>
  );
}

const DASH_NAMES = ["solid", "dashed", "long dashes", "dotted"];

/** The lines that are drawn, by colour and dash. */
export function LinesLegend({ lines, known }: { lines: readonly Line[]; known: readonly Indicator[] }) {
  const named = lines.filter((line) => line.form === "line" && line.column !== "bollinger_lower");
  return (
    <>
      {named.map((line) => (
        <li key={line.column} title={known.find((one) => one.key === line.key)?.about}>
          <i class={`swatch line dash-${line.dash % DASH_NAMES.length}`} style={{ "--swatch": `var(--line-${(line.style % LINE_COLORS) + 1})` }} />
          {nameOf(line, known)}
          <span class="sr-only">, {DASH_NAMES[line.dash % DASH_NAMES.length]}</span>
        </li>
      ))}
    </>
  );
}

/** Of a group every line has its own name. */
export function nameOf(line: Line, known: readonly Indicator[]): string {
  const indicator = known.find((one) => one.key === line.key);
  if (!indicator || line.key === "bollinger" || indicator.columns.length === 1) return indicator?.title ?? line.column;
  return line.column.replaceAll("_", " ").replace("macd", "MACD");
}
