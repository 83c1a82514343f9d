// Promised against happened, at every level, and where in the forecast distribution outcomes fell.
import { get } from "../api/client";
import type { CalibrationReport } from "../api/types";
import { count, level as levelText, percent } from "../format/numbers";
import { steps } from "../format/time";
import { useResource } from "../state/resource";
import { replaying, slowPollMs } from "../state/server";
import { heldSentence } from "../record/say";
import { rangeOf, SURE } from "../record/range";
import { Bone, Scroll } from "./bits";
import { Failure } from "./failure";

const SIZE = 220;
const PAD = 26;

interface Props {
  /** null: over every instrument. */
  symbol: string | null;
  interval: string;
  model: string;
  horizon: number;
  calendar?: string;
  /** Only instruments of this class; null: of all. */
  assetClass?: string | null;
  /** How far back sealed forecasts count. */
  period?: string;
}

export function CalibrationCurve({ symbol, interval, model, horizon, calendar, assetClass = null, period = "all" }: Props) {
  const query = { symbol, asset_class: assetClass, interval, model, horizon, period };
  const found = useResource<CalibrationReport>(`curve ${JSON.stringify(query)}`, (signal) => get("/performance/calibration", query, signal), { keep: true, everyMs: slowPollMs });
  const { data, error } = found;
  const kinds = data ? kindsOf(data) : [];
  return (
    <section class="card curve" aria-labelledby="curve-title" id="calibration" aria-busy={found.busy}>
      <header>
        <h3 id="curve-title">Is stated confidence true?</h3>
        <p class="tag">{steps(horizon, interval, calendar)} ahead</p>
      </header>
      {error && !data ? (
        <Failure error={error} onRetry={found.reload} of="the calibration" />
      ) : !data ? (
        <Bone height="220px" />
      ) : kinds.length === 0 ? (
        <p class="nothing soft">No outcome to compare with yet.</p>
      ) : (
        <>
        {kinds.includes("ledger") && <p>{heldSentence(heldAt(data, "ledger", 0.8))}</p>}
        <div class="curve-grid">
          <figure>
            <Curve report={data} kinds={kinds} />
            <figcaption class="soft small">Share of outcomes inside each interval, against what was promised. On the diagonal: as promised.</figcaption>
          </figure>
          {kinds.map((kind) => (
            <Pit key={kind} report={data} kind={kind} />
          ))}
        </div>
        <Figures report={data} kinds={kinds} />
        </>
      )}
    </section>
  );
}

type Kind = CalibrationReport["items"][number]["kind"];

function kindsOf(report: CalibrationReport): Kind[] {
  return (["ledger", "walk_forward"] as const).filter((kind) => report.items.some((item) => item.kind === kind && item.n > 0));
}

function titleOf(kind: Kind): string {
  if (kind === "walk_forward") return "Walk-forward";
  return replaying.value ? "Sealed in this replay" : "Sealed live";
}

function heldAt(report: CalibrationReport, kind: Kind, level: number): CalibrationReport["items"][number] {
  const found = report.items.find((item) => item.kind === kind && item.level === level);
  if (!found) throw new Error(`no coverage at ${level}`);
  return found;
}

const FIGURES = [0.5, 0.8, 0.9, 0.95, 0.99];

/** What the curve shows, as figures with their errors. */
function Figures({ report, kinds }: { report: CalibrationReport; kinds: readonly Kind[] }) {
  const levels = FIGURES.filter((level) => report.items.some((item) => item.level === level));
  return (
    <details class="version">
      <summary>The same in figures</summary>
      <Scroll label="Calibration">
        <table class="comparisons">
          <thead>
            <tr>
              <th scope="col">Promised</th>
              {kinds.map((kind) => (
                <th key={kind} scope="col" class="num">
                  {titleOf(kind)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {levels.map((level) => (
              <tr key={level}>
                <th scope="row">{levelText(level)}</th>
                {kinds.map((kind) => {
                  const held = heldAt(report, kind, level);
                  return (
                    <td key={kind} class="num">
                      {percent(held.measured, 1)} <span class="soft small">{held.se === null ? "" : `± ${percent(SURE * held.se, 1)}`} of {count(held.n)}</span>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="soft small">± is 1.96 standard errors, clustered by moment with allowance for the overlap of long horizons.</p>
    </details>
  );
}

function Curve({ report, kinds }: { report: CalibrationReport; kinds: readonly Kind[] }) {
  const x = (share: number): number => PAD + (SIZE - PAD - 6) * share;
  const y = (share: number): number => SIZE - PAD - (SIZE - PAD - 6) * share;
  const said = kinds
    .map((kind) => `${titleOf(kind)}: ${report.items.filter((i) => i.kind === kind).map((i) => `${levelText(i.level)} promised, ${percent(i.measured, 1)} happened`).join("; ")}`)
    .join(". ");
  return (
    <svg class="curve-plot" viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={said}>
      {[0, 0.25, 0.5, 0.75, 1].map((at) => (
        <g key={at}>
          <line class="grid" x1={x(0)} x2={x(1)} y1={y(at)} y2={y(at)} />
          <line class="grid" x1={x(at)} x2={x(at)} y1={y(0)} y2={y(1)} />
          <text x={x(at)} y={SIZE - 10} text-anchor="middle">
            {Math.round(100 * at)}
          </text>
          <text x={PAD - 5} y={y(at) + 3} text-anchor="end">
            {Math.round(100 * at)}
          </text>
        </g>
      ))}
      <line class="ideal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
      {kinds.map((kind) => {
        const points = report.items.filter((item) => item.kind === kind && item.n > 0).sort((a, b) => a.level - b.level);
        return (
          <g key={kind} class={`of-${kind}`}>
            <polyline points={points.map((p) => `${x(p.level)},${y(p.measured)}`).join(" ")} />
            {points.map((p) => (
              <g key={p.level}>
                {p.se !== null && <line class="error" x1={x(p.level)} x2={x(p.level)} y1={y(Math.max(0, p.measured - SURE * p.se))} y2={y(Math.min(1, p.measured + SURE * p.se))} />}
                <circle cx={x(p.level)} cy={y(p.measured)} r="3">
                  <title>{`${titleOf(kind)}: ${percent(p.measured, 1)} of ${count(p.n)} outcomes inside the ${levelText(p.level)} interval`}</title>
                </circle>
              </g>
            ))}
          </g>
        );
      })}
    </svg>
  );
}

function Pit({ report, kind }: { report: CalibrationReport; kind: Kind }) {
  const counts = report.pit.find((pit) => pit.kind === kind)?.counts ?? [];
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  const { least, usual, top } = rangeOf(counts);
  const width = SIZE / counts.length;
  const h = (n: number): number => ((SIZE / 2 - 10) * n) / top;
  return (
    <figure>
      <svg class={`pit of-${kind}`} viewBox={`0 0 ${SIZE} ${SIZE / 2}`} role="img" aria-label={`${titleOf(kind)}: where ${count(total)} outcomes fell in the forecast distribution, in ${counts.length} equal parts: ${counts.join(", ")}`}>
        <rect class="even" x="0" width={SIZE} y={SIZE / 2 - h(usual)} height={Math.max(1, h(usual) - h(least))} />
        {counts.map((n, i) => (
          <rect key={i} class="column" x={i * width + 1} width={width - 2} y={SIZE / 2 - h(n)} height={h(n)}>
            <title>{`${Math.round((100 * i) / counts.length)} to ${Math.round((100 * (i + 1)) / counts.length)} %: ${count(n)} of ${count(total)}`}</title>
          </rect>
        ))}
      </svg>
      <figcaption class="soft small">
        <b>{titleOf(kind)}</b>: where outcomes fell in the forecast distribution, {count(total)} of them. Level is right; a bowl is too narrow, a hill too wide.
      </figcaption>
    </figure>
  );
}
