// The forecast in words and numbers: what a reader wants to know before reading a chart.
import type { Forecast, PerformanceRow, Skill } from "../api/types";
import { boundsAt, probabilityAbove, shownLevels } from "../chart/series";
import { changePercent, count, level as levelText, percent, price, pValue, range } from "../format/numbers";
import { barLabel, steps } from "../format/time";
import { Bone, Facts, Scroll, When } from "./bits";
import { serverNow } from "../state/server";
import { Why } from "./explanation";
import { SealIcon } from "./icons";
import { modelName } from "./models";

interface Props {
  forecast: Forecast;
  level: number;
  calendar: string;
  busy: boolean;
  /** The walk-forward record at the horizon shown, when it is there. */
  tested: PerformanceRow | null;
  /** In the past: whether it stood in the ledger then, or was made again from what was known. null: now. */
  source: "ledger" | "recomputed" | null;
  onLevel: (level: number) => void;
}

export function Outlook({ forecast, level, calendar, busy, tested, source, onLevel }: Props) {
  const end = forecast.steps.at(-1);
  const bounds = end && boundsAt(end, level);
  if (!end || !bounds) return <OutlookBones />;
  const { tick, anchor } = forecast;
  const up = probabilityAbove(end, anchor.price);
  const over = source === null && Date.parse(end.target_end) < serverNow();
  const first = forecast.coverage.find((c) => Math.abs(c.level - level) < 1e-9);
  return (
    <section class={`card outlook ${busy ? "busy" : ""}`} aria-labelledby="outlook-title" aria-busy={busy}>
      <header>
        <h2 id="outlook-title">In {steps(forecast.horizon, forecast.interval, calendar)}</h2>
        <p class="soft">{barLabel(end.target, forecast.interval)}</p>
        {source && (
          <p class={`origin ${source}`} data-source={source}>
            {source === "ledger" ? (
              <>
                <SealIcon /> From the ledger, issued <When iso={forecast.issued_at} />
              </>
            ) : (
              "Recomputed from what was known then. Not in the ledger."
            )}
          </p>
        )}
      </header>
      <p class="lead">
        <span class="soft">{levelText(level)} of outcomes between</span>
        <strong data-testid="interval">{range(bounds.lower, bounds.upper, tick)}</strong>
      </p>
      <Spread forecast={forecast} level={level} onLevel={onLevel} />
      <Facts
        rows={[
          ["Median", <span title={`Change from ${price(anchor.price, tick)}`}>{price(end.median, tick)} <span class="soft">{changePercent(relative(end.median, anchor.price))}</span></span>],
          ["Chance of ending higher", percent(up)],
          ["Last value", <span>{price(anchor.price, tick)} <span class="soft">{barLabel(anchor.bar_start, forecast.interval)}</span></span>],
        ]}
      />
      {anchor.provenance.stale && source === null && (
        <p class="warning small">
          The data end on {barLabel(anchor.bar_start, forecast.interval)}. {over ? "This is a forecast of a time that has passed." : "Newer values exist that this forecast does not know."}
        </p>
      )}
      {tested && tested.n > 0 ? (
        <SkillLine skill={skillOf(tested)} model={forecast.model} ahead={steps(tested.horizon, forecast.interval, calendar)} />
      ) : (
        <SkillLine skill={forecast.skill} model={forecast.model} ahead={steps(1, forecast.interval, calendar)} />
      )}
      <Why forecast={forecast} />
      <details class="fold">
        <summary>How it was made</summary>
        <Facts
          rows={[
            ["Model", `${modelName(forecast.model)} ${forecast.model_version}${forecast.requested_model === "auto" ? ", chosen by auto" : ""}`],
            ["Issued", <When iso={forecast.issued_at} />],
            ["Knows nothing after", <When iso={forecast.as_of} />],
            ...(first ? ([["Covered so far, 1 step", `${percent(first.measured, 1)} of ${count(first.n)} at ${levelText(first.level)}`]] as [string, string][]) : []),
            ["Ledger", forecast.recorded ? "sealed" : "not recorded"],
            ["Data fingerprint", <code title={forecast.data_fingerprint}>{forecast.data_fingerprint.slice(0, 12)}</code>],
          ]}
        />
      </details>
    </section>
  );
}

function relative(value: number, to: number): number | null {
  return to > 0 ? value / to - 1 : null;
}

/** The last step's intervals, one under the other: the fan seen from its end. */
function Spread({ forecast, level, onLevel }: { forecast: Forecast; level: number; onLevel: (level: number) => void }) {
  const end = forecast.steps.at(-1);
  const bands = end ? shownLevels(level).flatMap((l) => boundsAt(end, l) ?? []) : [];
  const widest = bands.at(-1);
  if (!end || !widest) return null;
  const anchor = forecast.anchor.price;
  const low = Math.min(widest.lower, anchor);
  const span = Math.max(widest.upper, anchor) - low || 1;
  const x = (value: number): number => (100 * (value - low)) / span;
  return (
    <ul class="spread" aria-label="Intervals at the end of the horizon">
      {bands.map((band) => {
        const chosen = Math.abs(band.level - level) < 1e-9;
        return (
          <li key={band.level}>
            <button type="button" class={chosen ? "chosen" : ""} aria-pressed={chosen} onClick={() => onLevel(band.level)}>
              <span>{levelText(band.level)}</span>
              <i class="rail" aria-hidden="true">
                <i class="band" style={{ left: `${x(band.lower)}%`, right: `${100 - x(band.upper)}%` }} />
                <i class="anchor" style={{ left: `${x(anchor)}%` }} />
              </i>
              <span class="num">{range(band.lower, band.upper, forecast.tick)}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export const VERDICTS: Record<Skill["verdict"], { title: string; tone: string }> = {
  positive: { title: "Better than a random walk", tone: "good" },
  none: { title: "No measurable edge over a random walk", tone: "plain" },
  negative: { title: "Worse than a random walk", tone: "bad" },
};

/** The verdict of a row of the record. */
export function skillOf(row: PerformanceRow): Skill {
  return { verdict: row.skill.verdict, crps_ratio: row.crps_ratio, p_value: row.skill.p_value, n: row.n };
}

/** Fewer resolved forecasts than this prove nothing, whatever the numbers say: the server's own rule. */
export const JUDGED_FROM = 50;

/** The verdict with its evidence, in one line for everybody and one for statisticians. */
export function SkillLine({ skill, model, ahead }: { skill: Skill; model: string; ahead: string }) {
  if (model === "naive") {
    return (
      <div class="verdict plain">
        <b>This is the random walk</b>
        <span class="soft">The floor that every other model has to beat.</span>
      </div>
    );
  }
  if (skill.n === 0 || skill.crps_ratio === null) {
    return (
      <div class="verdict plain">
        <b>Not judged yet</b>
        <span class="soft">Too few past forecasts to compare with a random walk.</span>
      </div>
    );
  }
  if (skill.n < JUDGED_FROM) {
    return (
      <div class="verdict plain">
        <b>Too early to tell from a random walk</b>
        <span class="soft">
          {errorWords(skill.crps_ratio)} over {count(skill.n)} {skill.n === 1 ? "forecast" : "forecasts"} {ahead} ahead; a verdict needs {JUDGED_FROM}.
        </span>
      </div>
    );
  }
  const { title, tone } = VERDICTS[skill.verdict];
  return (
    <div class={`verdict ${tone}`}>
      <b>{title}</b>
      <span class="soft">
        {errorWords(skill.crps_ratio)} over {count(skill.n)} forecasts {ahead} ahead, {pValue(skill.p_value)}
      </span>
    </div>
  );
}

/** `CRPS 3.2 % lower`: the ratio as a person would say it. */
export function errorWords(crpsRatio: number): string {
  const gain = 1 - crpsRatio;
  if (Math.abs(gain) < 0.0005) return "Error (CRPS) the same";
  return `Error (CRPS) ${percent(Math.abs(gain), 1)} ${gain > 0 ? "lower" : "higher"}`;
}

export function OutlookBones() {
  return (
    <section class="card outlook" aria-busy="true" aria-label="Forecast loading">
      <Bone width="45%" height="1.1em" />
      <Bone width="80%" height="2em" />
      <Bone height="2em" />
      <Bone width="90%" />
      <Bone width="70%" />
      <Bone width="60%" />
    </section>
  );
}

/** The fan as a table: the same numbers for those who cannot or would rather not see the chart. */
export function StepsTable({ forecast, level }: { forecast: Forecast; level: number }) {
  const levels = [...new Set([0.5, level, 0.95])].sort((a, b) => a - b);
  return (
    <details class="fold steps">
      <summary>The forecast as a table</summary>
      <Scroll label="Forecast steps">
        <table id="forecast-steps">
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">For</th>
              <th scope="col" class="num">
                Median
              </th>
              {levels.map((l) => (
                <th scope="col" class="num" key={l}>
                  {levelText(l)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {forecast.steps.map((s) => (
              <tr key={s.step}>
                <td>{s.step}</td>
                <td>{barLabel(s.target, forecast.interval)}</td>
                <td class="num">{price(s.median, forecast.tick)}</td>
                {levels.map((l) => {
                  const b = boundsAt(s, l);
                  return (
                    <td class="num" key={l}>
                      {b ? range(b.lower, b.upper, forecast.tick) : "–"}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
