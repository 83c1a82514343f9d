// What to show: interval, horizon, confidence, model, adjustment. Every choice goes to the URL.
import { useEffect, useState } from "preact/hooks";
import type { Forecast, SymbolDetail } from "../api/types";
import { level as levelText } from "../format/numbers";
import { intervalName } from "../format/time";
import { clampLevel, type Adjust, type View } from "../state/url";
import { Choice } from "./bits";
import { Horizon } from "./horizon";
import { ModelPicker } from "./models";

const LEVELS = [0.5, 0.8, 0.9, 0.95];

interface Props {
  detail: SymbolDetail;
  view: View;
  interval: string;
  /** The forecast that is shown. */
  forecast: Forecast | null;
  onChange: (patch: Partial<View>) => void;
}

export function Controls({ detail, view, interval, forecast, onChange }: Props) {
  const adjustable = detail.asset_class === "equity" || detail.asset_class === "etf";
  return (
    <div class="controls" role="group" aria-label="Chart and forecast settings">
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
      <ModelPicker symbol={detail.symbol} interval={interval} horizon={view.horizon} value={view.model} shown={forecast} asOf={view.asOf} onChange={(model) => onChange({ model })} />
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
    </div>
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
        aria-label="Another confidence level, from 50 to 99.5 percent"
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
