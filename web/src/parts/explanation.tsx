// Why this forecast: what moved the median, and what made the interval as wide as it is.
import type { Explanation, Forecast } from "../api/types";
import { change, percent, significant } from "../format/numbers";
import { modelName } from "./models";

const SHOWN_MAX = 6;

export function Why({ forecast }: { forecast: Forecast }) {
  const told = forecast.explanation;
  if (!told) return null;
  return (
    <details class="fold why" open>
      <summary>Why this forecast</summary>
      <Location rows={told.location} tick={forecast.tick} />
      <Width rows={told.width} />
      <Weights weights={forecast.weights} />
      {told.notes.map((note) => (
        <p key={note} class="soft small">
          {note}
        </p>
      ))}
    </details>
  );
}

function Location({ rows, tick }: { rows: Explanation["location"]; tick: number }) {
  const moving = rows.filter((row) => row.contribution !== 0).slice(0, SHOWN_MAX);
  const most = Math.max(...moving.map((row) => Math.abs(row.contribution)), 0);
  return (
    <section aria-label="What moved the median">
      <h3>Median</h3>
      {moving.length === 0 ? (
        <p class="soft small">Stays at the last value: nothing says which way it will go.</p>
      ) : (
        <ul class="drivers">
          {moving.map((row) => (
            <li key={row.feature} title={row.value === null ? undefined : `${row.feature} = ${significant(Math.abs(row.value)) === "–" ? "missing" : row.value.toPrecision(4)}`}>
              <span class="what">{spelled(row.feature)}</span>
              <i class="rail two-sided" aria-hidden="true">
                <i class={row.contribution > 0 ? "bar up" : "bar down"} style={{ width: `${(50 * Math.abs(row.contribution)) / most}%` }} />
              </i>
              <span class="num">{change(row.contribution, tick / 10)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Width({ rows }: { rows: Explanation["width"] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label="What made the interval this wide">
      <h3>Width</h3>
      <ul class="drivers">
        {rows.slice(0, SHOWN_MAX).map((row) => (
          <li key={row.component} title={row.sigma === null ? undefined : `${significant(row.sigma)} per step`}>
            <span class="what">{spelled(row.component)}</span>
            <i class="rail" aria-hidden="true">
              <i class="bar" style={{ width: `${100 * Math.min(1, Math.max(0, row.share ?? 0))}%` }} />
            </i>
            <span class="num">{row.share === null ? significant(row.sigma) : percent(row.share)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Weights({ weights }: { weights: Forecast["weights"] }) {
  if (!weights) return null;
  const rows = Object.entries(weights).sort((a, b) => b[1] - a[1]);
  return (
    <section aria-label="Weights of the ensemble">
      <h3>Members</h3>
      <ul class="drivers">
        {rows.map(([model, weight]) => (
          <li key={model}>
            <span class="what">{modelName(model)}</span>
            <i class="rail" aria-hidden="true">
              <i class="bar" style={{ width: `${100 * weight}%` }} />
            </i>
            <span class="num">{percent(weight)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `ewma_32_bars` as a person would write it. */
export function spelled(name: string): string {
  return name.replaceAll("_", " ");
}
