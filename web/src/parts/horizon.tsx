// How many steps ahead: a slider for the hand, a number for the exact mind.
import { useEffect, useState } from "preact/hooks";
import { steps } from "../format/time";
import { clampHorizon, HORIZON_MAX } from "../state/url";

const COMMIT_MS = 220; // ask once the hand rests

export function Horizon({ value, interval, calendar, onChange }: { value: number; interval: string; calendar: string; onChange: (steps: number) => void }) {
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
          style={{ "--filled": `${toSlider(wanted ?? value) / 10}%` }}
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
