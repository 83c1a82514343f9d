// What to show: interval, horizon, confidence, model, adjustment. Every choice goes to the URL.
import { useEffect, useState } from "preact/hooks";
import type { SymbolDetail } from "../api/types";
import { level as levelText } from "../format/numbers";
import { intervalName } from "../format/time";
import { clampLevel, type Adjust, type View } from "../state/url";
import { Choice } from "./bits";
import { Horizon } from "./horizon";

const LEVELS = [0.5, 0.8, 0.9, 0.95];
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
        options={detail.intervals.map((value) => ({ value, label: value, title: intervalName(value) }))}
        onChange={(value) => onChange({ interval: value === detail.default_interval ? null : value })}
      />
      <Horizon value={view.horizon} interval={interval} calendar={detail.calendar} onChange={(horizon) => onChange({ horizon })} />
      <Choice legend="Confidence" value={view.level} options={LEVELS.map((value) => ({ value, label: levelText(value) }))} onChange={(value) => onChange({ level: value })}>
        <OwnLevel value={view.level} onChange={(value) => onChange({ level: value })} />
      </Choice>
      <label class="field">
        <span>Model</span>
        <span class="select"><select value={view.model} onChange={(event) => onChange({ model: event.currentTarget.value })}>
          {models.map((name) => (
            <option key={name} value={name}>
              {modelName(name)}
            </option>
          ))}
          {!models.includes(view.model) && <option value={view.model}>{view.model}</option>}
        </select></span>
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
