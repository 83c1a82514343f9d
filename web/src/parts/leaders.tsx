// Which model is best for this class: one row per model, against the calibrated random walk.
import { useState } from "preact/hooks";
import { get } from "../api/client";
import type { Leader } from "../api/types";
import { count, percent, pValue, ratio } from "../format/numbers";
import { steps } from "../format/time";
import { nearestHorizon } from "../record/choose";
import { leaderSentence } from "../record/say";
import { useResource } from "../state/resource";
import { slowPollMs } from "../state/server";
import { Bone, Choice, Scroll } from "./bits";
import { Answer } from "./answer";
import { Failure } from "./failure";
import { modelName } from "./models";
import { className } from "./search";
import { VerdictBadge } from "./verdict";

export type Kind = "ledger" | "walk_forward";

const SURE = 1.96;
/** Steps ahead at which evidence is gathered over history; sealed forecasts are scored at every step. */
export const WALKED = [1, 5, 24];

interface Props {
  assetClass: string;
  interval: string;
  horizon: number;
  calendar?: string;
  /** How far back sealed forecasts count. */
  period?: string;
  /** Which evidence, where the page keeps that in its address. */
  of?: { kind: Kind; onKind: (kind: Kind) => void };
}

export function Leaders({ assetClass, interval, horizon, calendar, period = "all", of }: Props) {
  const [own, setOwn] = useState<Kind>("walk_forward");
  const kind = of?.kind ?? own;
  const wanted = kind === "ledger" ? horizon : (nearestHorizon(WALKED.map((steps) => ({ horizon: steps })), horizon) ?? horizon);
  const found = useResource<{ items: Leader[]; note: string | null }>(
    `leaders ${assetClass} ${interval} ${wanted} ${period} ${kind}`,
    (signal) => get("/performance/leaderboard", { asset_class: assetClass, interval, horizon: wanted, period, kind }, signal),
    { keep: true, everyMs: slowPollMs },
  );
  const rows = found.data?.items ?? [];
  return (
    <section class="card leaders" aria-labelledby="leaders-title" id="leaderboard" aria-busy={found.busy}>
      <header>
        <h3 id="leaders-title">Leaderboard: {className(assetClass)}</h3>
        <p class="tag">{steps(rows[0]?.horizon ?? wanted, interval, calendar)} ahead</p>
        <Choice<Kind>
          legend="Evidence"
          value={kind}
          options={[
            { value: "ledger", label: "Sealed", title: "Forecasts that were in the ledger before their outcome" },
            { value: "walk_forward", label: "Walk-forward", title: "Recomputed over history, each origin from its own past" },
          ]}
          onChange={of?.onKind ?? setOwn}
        />
      </header>
      {found.error && !found.data ? (
        <Failure error={found.error} onRetry={found.reload} of="the leaderboard" />
      ) : !found.data ? (
        <div class="bones">
          <Bone />
          <Bone />
          <Bone />
        </div>
      ) : rows.length === 0 ? (
        <p class="nothing soft">{kind === "ledger" ? "No sealed forecast of this class has met its outcome yet." : "Nothing of this class has been measured yet."}</p>
      ) : (
        <>
          <p>{leaderSentence(rows, modelName)}</p>
          <LeaderTable rows={rows} />
          {found.data.note && <p class="soft small">{`${found.data.note.charAt(0).toUpperCase()}${found.data.note.slice(1)}.`}</p>}
        </>
      )}
    </section>
  );
}

type Measured = Leader & { crps_ratio: number };

function LeaderTable({ rows: all }: { rows: readonly Leader[] }) {
  const rows = all.filter((row): row is Measured => row.crps_ratio !== null);
  const reach = Math.max(0.02, ...rows.map((row) => Math.abs(row.crps_ratio - 1) + SURE * (row.se ?? 0)));
  const x = (value: number): number => Math.max(1, Math.min(99, 50 + (48 * (value - 1)) / reach));
  const ranked = [...rows].sort((a, b) => a.crps_ratio - b.crps_ratio);
  return (
    <Scroll label="Leaderboard">
      <table>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">Verdict</th>
            <th scope="col" class="num" title="Error of the whole distribution over that of the calibrated random walk: below 1 is better">
              CRPS ratio
            </th>
            <th scope="col" class="wide axis" aria-hidden="true">
              <span>better</span>
              <span>worse</span>
            </th>
            <th scope="col" class="num" title="Share of outcomes inside the 90 % interval">
              In 90 %
            </th>
            <th scope="col" class="num wide" title="On how many instruments better, the same, worse">
              Instruments
            </th>
            <th scope="col" class="num wide">
              n
            </th>
          </tr>
        </thead>
        <tbody>
          {ranked.map((row) => (
            <tr key={row.model} data-model={row.model}>
              <th scope="row">{modelName(row.model)}</th>
              <td>
                <VerdictBadge model={row.model} verdict={row.verdict} title={pValue(row.p_value)} />
              </td>
              <td class="num">
                <Answer
                  of={`CRPS ratio of ${modelName(row.model)}`}
                  facts={[
                    ["Ratio", `${ratio(row.crps_ratio)}${row.se === null ? "" : `, 95\u2009% ${ratio(row.crps_ratio - SURE * row.se)} to ${ratio(row.crps_ratio + SURE * row.se)}`}`],
                    ["Standard error", row.se === null ? "unknown" : ratio(row.se)],
                    ["Outcomes", `${count(row.n)} of ${count(row.series)} series`],
                    ["Chance", pValue(row.p_value)],
                    ["Test", row.model === "naive" ? "the reference itself" : "Diebold-Mariano, HAC, by moment"],
                  ]}
                >
                  {ratio(row.crps_ratio)}
                </Answer>
              </td>
              <td class="wide" aria-hidden="true">
                <i class="whisker">
                  <i class="walk" />
                  {row.se !== null && <i class="reach" style={{ left: `${x(row.crps_ratio - SURE * row.se)}%`, right: `${100 - x(row.crps_ratio + SURE * row.se)}%` }} />}
                  <i class={`point ${row.verdict}`} style={{ left: `${x(row.crps_ratio)}%` }} />
                </i>
              </td>
              <td class="num">
                {row.coverage_90 ? (
                  <Answer
                    of={`in 90 % of ${modelName(row.model)}`}
                    facts={[
                      ["Inside", `${percent(row.coverage_90.measured, 1)} of ${count(row.coverage_90.n)}`],
                      ["Standard error", row.coverage_90.se === null ? "unknown" : percent(row.coverage_90.se, 1)],
                      ["Method", "clustered by moment"],
                    ]}
                  >
                    {percent(row.coverage_90.measured, 1)}
                  </Answer>
                ) : (
                  "–"
                )}
              </td>
              <td class="num wide">
                {row.positive} · {row.none} · {row.negative}
              </td>
              <td class="num wide">{count(row.n)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
