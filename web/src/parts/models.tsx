// Which model says it: a list with what each may claim here, not a bare select.
import { Fragment } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { get, post } from "../api/client";
import type { AutoCandidate, Forecast, ModelItem } from "../api/types";
import { percent, pValue, count } from "../format/numbers";
import { nearestHorizon } from "../record/choose";
import { useResource } from "../state/resource";
import { info } from "../state/server";
import { Bone } from "./bits";
import { Failure } from "./failure";
import { Link } from "./link";
import { VerdictBadge } from "./verdict";

const MODEL_NAMES: Record<string, string> = {
  auto: "Auto",
  ensemble: "Ensemble",
  naive: "Random walk",
  ewma_walk: "EWMA walk",
  vol_walk: "Volatility walk",
  drift: "Drift",
  ets: "ETS",
  theta: "Theta",
  arima: "ARIMA",
  random_forest: "Random forest",
  xgboost: "XGBoost",
  lightgbm: "LightGBM",
};
const EVIDENCE_ON: Record<AutoCandidate["evidence"], string> = { series: "this instrument", class: "its class", promotion: "bars held back before its promotion" };
const AUTO_ABOUT = "The best by evidence on this instrument or its class, or else the random walk";

export function modelName(name: string): string {
  return MODEL_NAMES[name] ?? name;
}

interface Props {
  symbol: string;
  interval: string;
  horizon: number;
  value: string;
  /** What is shown now. */
  shown: Forecast | null;
  /** Whose evidence is told: that of then, or of now. */
  asOf: string | null;
  onChange: (model: string) => void;
}

export function ModelPicker({ symbol, interval, horizon, value, shown, asOf, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLInputElement>("input:checked")?.focus();
    const away = (event: Event): void => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const close = (): void => {
    setOpen(false);
    root.current?.querySelector("button")?.focus();
  };
  return (
    <div
      class="field models"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        close();
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <span id={`${id}-label`}>Model</span>
      <button type="button" class="select-button" id={`${id}-button`} aria-labelledby={`${id}-label ${id}-button`} aria-expanded={open} aria-controls={id} onClick={() => setOpen((o) => !o)}>
        {modelName(value)}
        {value === "auto" && shown && shown.model !== "auto" && <span class="soft"> · {modelName(shown.model)}</span>}
      </button>
      {open && (
        <div class="sheet model-sheet" id={id} role="region" aria-label="Models">
          <ModelList symbol={symbol} interval={interval} horizon={horizon} value={value} shown={shown} asOf={asOf} onChange={onChange} onDone={close} />
        </div>
      )}
    </div>
  );
}

function ModelList({ symbol, interval, horizon, value, shown, asOf, onChange, onDone }: Props & { onDone: () => void }) {
  const name = useId();
  const models = useResource<{ items: ModelItem[] }>("models", (signal) => get("/models", {}, signal));
  // What is shown knows what auto weighed. Else ask as of now: looking records nothing.
  const known = shown?.auto ?? null;
  const asked = useResource<Forecast>(known ? null : `candidates ${symbol} ${interval} ${horizon} ${asOf}`, (signal) =>
    post("/forecasts", { symbol, interval, horizon, model: "auto", as_of: asOf ?? info.peek()?.clock.now }, signal),
  );
  const judged = known ?? asked.data?.auto ?? null;
  if (models.error) return <Failure error={models.error} onRetry={models.reload} of="the models" />;
  if (!models.data) {
    return (
      <div class="bones">
        <Bone />
        <Bone />
        <Bone />
      </div>
    );
  }
  const candidates = judged?.candidates ?? [];
  const at = nearestHorizon(candidates, horizon);
  const evidence = new Map(candidates.filter((c) => c.horizon === at).map((c) => [c.model, c]));
  const listed = models.data.items.filter((item) => item.name !== "auto");
  return (
    <fieldset class="model-list" onDblClick={onDone} onKeyDown={(event) => event.key === "Enter" && onDone()}>
      <legend class="sr-only">Model</legend>
      <Option group={name} item={{ name: "auto", description: judged?.reason ?? AUTO_ABOUT, status: "ready", reason: null }} chosen={value === "auto"} onChange={onChange} badge={null} />
      {listed.map((item) => (
        <Fragment key={item.name}>
          <Option group={name} item={item} chosen={value === item.name} onChange={onChange} badge={<EvidenceBadge of={evidence.get(item.name)} model={item.name} />} />
          {item.status === "unavailable" && (
            <Link class="train small" href={`/models?model=${encodeURIComponent(item.name)}`}>
              {item.reason?.includes("install") ? `What ${modelName(item.name)} needs` : `Train ${modelName(item.name)}`}
            </Link>
          )}
        </Fragment>
      ))}
    </fieldset>
  );
}

interface OptionProps {
  group: string;
  item: Pick<ModelItem, "name" | "description" | "status" | "reason">;
  chosen: boolean;
  badge: preact.ComponentChildren;
  onChange: (model: string) => void;
}

function Option({ group, item, chosen, badge, onChange }: OptionProps) {
  const able = item.status !== "unavailable";
  return (
    <label class={`model ${chosen ? "chosen" : ""} ${able ? "" : "unable"}`}>
      <input type="radio" name={group} value={item.name} checked={chosen} disabled={!able} onChange={() => onChange(item.name)} />
      <span class="model-name">
        <b>{modelName(item.name)}</b>
        {able ? badge : <span class="badge">unavailable</span>}
        {able && item.status !== "ready" && <span class="badge warn">{item.status}</span>}
      </span>
      <span class="soft small">{able ? item.description : (item.reason ?? item.description)}</span>
    </label>
  );
}

/** What past forecasts of this instrument say about the model, against the calibrated random walk. */
export function EvidenceBadge({ of, model }: { of: AutoCandidate | undefined; model: string }) {
  if (!of || of.crps_ratio === null) return model === "naive" ? <VerdictBadge model={model} verdict="none" /> : null;
  const gain = 1 - of.crps_ratio;
  const title = `Against the random walk, on ${EVIDENCE_ON[of.evidence]}: ${pValue(of.p_value)}, ${count(of.n)} forecasts`;
  return (
    <VerdictBadge model={model} verdict={of.verdict} title={title}>
      {Math.abs(gain) >= 0.0005 && ` ${gain > 0 ? "\u2212" : "+"}${percent(Math.abs(gain), 1)} CRPS`}
    </VerdictBadge>
  );
}
