// Models side by side: against the random walk, class by class, with how often their intervals held.
import { get } from "../api/client";
import type { Leader, ModelItem } from "../api/types";
import { count, percent, pValue, ratio } from "../format/numbers";
import { intervalSeconds, steps } from "../format/time";
import { useResource } from "../state/resource";
import { slowPollMs } from "../state/server";
import { Choice, Scroll } from "./bits";
import { Answer } from "./answer";
import { WALKED, type Kind } from "./leaders";
import { modelName } from "./models";
import { className } from "./search";
import { Section } from "./section";

const HORIZONS = [1, 5, 10, 24];
const SURE = 1.96;
export const DEFAULT_MODELS = "ewma_walk,vol_walk,ensemble";
export const MODELS_MAX = 6;

interface Props {
  models: readonly string[];
  horizon: number;
  kind: Kind;
  onChange: (patch: { models?: readonly string[]; horizon?: number; kind?: Kind }) => void;
}

export function Contest({ models, horizon: wanted, kind, onChange }: Props) {
  const horizon = kind === "ledger" || WALKED.includes(wanted) ? wanted : 1;
  const known = useResource<{ items: ModelItem[] }>("models", (signal) => get("/models", {}, signal));
  const found = useResource<{ items: Leader[] }>(`contest ${horizon} ${kind}`, (signal) => get("/performance/leaderboard", { horizon, kind }, signal), { keep: true, everyMs: slowPollMs });
  const names = known.data?.items.map((item) => item.name).filter((name) => name !== "auto" && name !== "naive") ?? [];
  return (
    <>
      <section class="card" aria-labelledby="chosen-title">
        <h2 id="chosen-title">Models</h2>
        <fieldset class="checks">
          <legend class="sr-only">Models to compare</legend>
          {names.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={models.includes(name)}
                disabled={!models.includes(name) && models.length >= MODELS_MAX}
                onChange={(event) => onChange({ models: event.currentTarget.checked ? names.filter((one) => one === name || models.includes(one)) : models.filter((one) => one !== name) })}
              />
              {modelName(name)}
            </label>
          ))}
        </fieldset>
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Steps ahead" value={horizon} options={(kind === "ledger" ? HORIZONS : WALKED).map((n) => ({ value: n, label: String(n) }))} onChange={(value) => onChange({ horizon: value })} />
          <Choice<Kind>
            legend="Evidence"
            value={kind}
            options={[
              { value: "ledger", label: "Sealed", title: "Forecasts that were in the ledger before their outcome" },
              { value: "walk_forward", label: "Walk-forward", title: "Recomputed over history, each origin from its own past" },
            ]}
            onChange={(value) => onChange({ kind: value })}
          />
        </form>
      </section>
      <Section id="contest" title="Against the random walk" about="CRPS ratio: below 1 is closer to what happened. Below it the share inside the 90 % interval." of={found}>
        {(data) => <Matrix items={data.items} models={models} horizon={horizon} />}
      </Section>
    </>
  );
}

function Matrix({ items, models, horizon }: { items: readonly Leader[]; models: readonly string[]; horizon: number }) {
  const rows = new Map<string, Map<string, Leader>>();
  for (const item of items) {
    if (!models.includes(item.model)) continue;
    const name = `${item.asset_class} ${item.interval}`;
    rows.set(name, (rows.get(name) ?? new Map<string, Leader>()).set(item.model, item));
  }
  if (models.length === 0) return <p class="nothing soft">Choose a model above.</p>;
  if (rows.size === 0) return <p class="nothing soft">Nothing has been measured here yet.</p>;
  const order = [...rows].sort(([a], [b]) => a.split(" ")[0]?.localeCompare(b.split(" ")[0] ?? "") || intervalSeconds(a.split(" ")[1] ?? "") - intervalSeconds(b.split(" ")[1] ?? ""));
  return (
    <Scroll label="Models side by side">
      <table class="contest">
        <thead>
          <tr>
            <th scope="col">Class</th>
            {models.map((model) => (
              <th key={model} scope="col" class="num">
                {modelName(model)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {order.map(([name, of]) => {
            const [asset = "", interval = ""] = name.split(" ");
            return (
              <tr key={name}>
                <th scope="row">
                  {className(asset)} <span class="soft">{steps(horizon, interval)}</span>
                </th>
                {models.map((model) => (
                  <td key={model} class="num">
                    <Cell of={of.get(model)} />
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

const WORDS = { positive: "better", none: "no edge", negative: "worse" } as const;

function Cell({ of }: { of: Leader | undefined }) {
  if (!of || of.crps_ratio === null) return <span class="soft">–</span>;
  const held = of.coverage_90;
  return (
    <span class={`duel ${of.verdict}`}>
      <Answer
        of={`${WORDS[of.verdict]}, ${modelName(of.model)} on ${className(of.asset_class)}`}
        facts={[
          ["Verdict", WORDS[of.verdict]],
          ["95\u2009%", of.se === null ? "unknown" : `${ratio(of.crps_ratio - SURE * of.se)} to ${ratio(of.crps_ratio + SURE * of.se)}`],
          ["Chance", pValue(of.p_value)],
          ["Outcomes", `${count(of.n)} of ${count(of.series)} series`],
          ["Better, same, worse", `${of.positive} · ${of.none} · ${of.negative}`],
          ...(held ? ([["In 90\u2009%", `${percent(held.measured, 1)}${held.se === null ? "" : ` ± ${percent(SURE * held.se, 1)}`}`]] as [string, string][]) : []),
        ]}
      >
        {ratio(of.crps_ratio)}
      </Answer>
      <small>{held ? percent(held.measured, 1) : "–"}</small>
    </span>
  );
}
