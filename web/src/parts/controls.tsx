// What to show: interval, horizon, confidence, model, adjustment. Every choice goes to the URL.
import { useEffect, useState } from "preact/hooks";
import type { SymbolDetail } from "../api/types";
import { level as levelText } from "../format/numbers";
import { intervalName, intervalShort, steps } from "../format/time";
import { clampHorizon, clampLevel, HORIZON_MAX, type Adjust, type View } from "../state/url";
import { Choice } from "./bits";

const LEVELS = [0.5, 0.8, 0.9, 0.95];
const COMMIT_MS = 220;
const MODEL_NAMES: Record<string, string> = { auto: "Auto", ewma_walk: "EWMA walk", naive: "Random walk" };

export function modelName(name: string): string {
  return MODEL_NAMES[name] ?? name;
}

interface Props {
  detail: SymbolDetail;
  view: View;
  interval: string;
  onChange: (patch: Partial<View>) => void;
}

export function Controls({ detail, view, interval, onChange }: Props) {
  const models = ["auto", ...detail.models.filter((name) => name !== "auto")];
  const adjustable = detail.asset_class === "equity" || detail.asset_class === "etf";
  return (
    <form class="controls" aria-label="Chart and forecast settings" onSubmit={(event) => event.preventDefault()}>
      <Choice
        legend="Interval"
        value={interval}
        options={detail.intervals.map((value) => ({ value, label: intervalShort(value), title: intervalName(value) }))}
        onChange={(value) => onChange({ interval: value === detail.default_interval ? null : value })}
      />
      <Horizon value={view.horizon} interval={interval} calendar={detail.calendar} onChange={(horizon) => onChange({ horizon })} />
      <Choice legend="Confidence" value={view.level} options={LEVELS.map((value) => ({ value, label: levelText(value) }))} onChange={(value) => onChange({ level: value })}>
        <OwnLevel value={view.level} onChange={(value) => onChange({ level: value })} />
      </Choice>
      <label class="field">
        <span>Model</span>
        <select value={view.model} onChange={(event) => onChange({ model: event.currentTarget.value })}>
          {models.map((name) => (
            <option key={name} value={name}>
              {modelName(name)}
            </option>
          ))}
          {!models.includes(view.model) && <option value={view.model}>{view.model}</option>}
        </select>
      </label>
      {adjustable && (
        <Choice<Adjust>
          legend="Prices"
          value={view.adjust}
          options={[
            { value: "all", label: "Adjusted", title: "Adjusted for splits and dividends" },
            { value: "raw", label: "Raw", title: "As traded" },
          ]}
          onChange={(adjust) => onChange({ adjust })}
        />
      )}
    </form>
  );
}

/** Steps ahead: a slider for the hand, a number for the exact mind. Asks once the hand rests. */
function Horizon({ value, interval, calendar, onChange }: { value: number; interval: string; calendar: string; onChange: (steps: number) => void }) {
  const [draft, setDraft] = useState<string>(String(value));
  useEffect(() => setDraft(String(value)), [value]);
  useEffect(() => {
    const wanted = clampHorizon(draft);
    if (wanted === null || wanted === value) return;
    const timer = setTimeout(() => onChange(wanted), COMMIT_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  const wanted = clampHorizon(draft);
  return (
    <div class="field horizon">
      <label for="horizon">Horizon</label>
      <div class="horizon-row">
        <input
          id="horizon"
          type="number"
          inputMode="numeric"
          min={1}
          max={HORIZON_MAX}
          step={1}
          value={draft}
          aria-invalid={wanted === null}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onBlur={() => setDraft(String(wanted ?? value))}
        />
        <input
          type="range"
          min={0}
          max={1000}
          step={1}
          value={toSlider(wanted ?? value)}
          aria-label="Horizon"
          aria-valuetext={steps(wanted ?? value, interval, calendar)}
          onInput={(event) => setDraft(String(fromSlider(Number(event.currentTarget.value))))}
          onKeyDown={(event) => {
            const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
            if (!by) return;
            event.preventDefault();
            setDraft(String(Math.max(1, Math.min(HORIZON_MAX, (wanted ?? value) + by))));
          }}
        />
      </div>
    </div>
  );
}

// The first steps matter most, so they get most of the slider.
const CURVE = 2;
export function toSlider(horizon: number): number {
  return Math.round(1000 * ((horizon - 1) / (HORIZON_MAX - 1)) ** (1 / CURVE));
}
export function fromSlider(at: number): number {
  return 1 + Math.round((HORIZON_MAX - 1) * (at / 1000) ** CURVE);
}

/** Any other confidence level. */
function OwnLevel({ value, onChange }: { value: number; onChange: (level: number) => void }) {
  const own = !LEVELS.includes(value);
  const shown = own ? String(Number((value * 100).toFixed(2))) : "";
  const [draft, setDraft] = useState(shown);
  useEffect(() => setDraft(shown), [shown]);
  const parsed = draft.trim() === "" ? null : clampLevel(`${draft}${Number(draft) <= 1 ? "" : " %"}`);
  const commit = (): void => {
    if (parsed !== null && parsed !== value) onChange(parsed);
    else if (parsed === null) setDraft(shown);
  };
  return (
    <span class={`own-level ${own ? "chosen" : ""}`}>
      <input
        type="text"
        inputMode="decimal"
        size={4}
        placeholder="any"
        aria-label="Another confidence level, from 5 to 99.5 percent"
        aria-invalid={draft.trim() !== "" && parsed === null}
        value={draft}
        onInput={(event) => setDraft(event.currentTarget.value.replace(/[^\d.]/g, ""))}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit()}
      />
      <span aria-hidden="true">%</span>
    </span>
  );
}
