// Is stated confidence true confidence? One row per level: how far what happened lies from what was promised.
import type { PerformanceRow } from "../api/types";
import { count, level as levelText, percent } from "../format/numbers";

const WORDS_FROM = 20; // with fewer outcomes anything is within sampling error

export interface Measured {
  level: number;
  measured: number;
  se: number; // standard error of `measured`
}

const SCALES = [0.05, 0.1, 0.2, 0.5];
const WIDTH = 240;
const PLOT = 18; // row height

/** The narrowest scale that holds every dot with its error bar. */
export function scaleFor(rows: readonly Measured[]): number {
  const reach = Math.max(0, ...rows.map((c) => Math.abs(c.measured - c.level) + 1.96 * c.se));
  return SCALES.find((scale) => reach <= scale) ?? 1;
}

export function Calibration({ coverage, horizon }: { coverage: PerformanceRow["coverage"]; horizon: number }) {
  const rows = coverage.filter((c) => c.n > 0).map((c) => ({ ...c, se: errorOf(c, horizon) }));
  if (rows.length === 0) return null;
  const scale = scaleFor(rows);
  const x = (deviation: number): number => WIDTH / 2 + (WIDTH / 2 - 6) * Math.max(-1, Math.min(1, deviation / scale));
  return (
    <div class="calibration">
      <table>
        <caption class="sr-only">Share of outcomes inside each interval, against the promised share</caption>
        <thead>
          <tr>
            <th scope="col">Promised</th>
            <th scope="col" aria-hidden="true" class="axis">
              <span>−{percent(scale)}</span>
              <span>promise</span>
              <span>+{percent(scale)}</span>
            </th>
            <th scope="col" class="num">
              Happened
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((c) => {
            const off = c.measured - c.level;
            const sure = Math.abs(off) > 1.96 * c.se;
            return (
              <tr key={c.level} title={`${percent(c.measured, 1)} ± ${percent(1.96 * c.se, 1)} of ${count(c.n)} outcomes inside the ${levelText(c.level)} interval`}>
                <th scope="row">{levelText(c.level)}</th>
                <td class="plot" aria-hidden="true">
                  <svg viewBox={`0 0 ${WIDTH} ${PLOT}`} preserveAspectRatio="none">
                    <line x1="0" x2={WIDTH} y1={PLOT / 2} y2={PLOT / 2} class="rail" />
                    <line x1={WIDTH / 2} x2={WIDTH / 2} y1="0" y2={PLOT} class="promise" />
                    <line x1={x(off - 1.96 * c.se)} x2={x(off + 1.96 * c.se)} y1={PLOT / 2} y2={PLOT / 2} class={sure ? "error off" : "error"} />
                  </svg>
                  <i class={sure ? "point off" : "point"} style={{ left: `${(100 * x(off)) / WIDTH}%` }} />
                </td>
                <td class="num">{percent(c.measured, 1)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="soft small">{Math.max(...rows.map((c) => c.n)) < WORDS_FROM ? "Too few outcomes yet to judge the intervals by." : words(rows)}</p>
    </div>
  );
}

/** All inside, or none, measures an error of zero: then that of as many outcomes as do not overlap, were the promise kept. */
export function errorOf(c: { level: number; measured: number; n: number; se: number | null }, horizon: number): number {
  if (c.se !== null && c.se > 0) return c.se;
  return Math.sqrt((c.level * (1 - c.level)) / Math.max(1, c.n / horizon));
}

/** The picture in a sentence. */
export function words(rows: readonly Measured[]): string {
  const narrow = rows.filter((c) => c.measured < c.level - 1.96 * c.se);
  const wide = rows.filter((c) => c.measured > c.level + 1.96 * c.se);
  if (narrow.length === 0 && wide.length === 0) return "Every interval holds what it promises, within sampling error.";
  const parts = [];
  if (narrow.length) parts.push(`too narrow at ${narrow.map((c) => levelText(c.level)).join(", ")}`);
  if (wide.length) parts.push(`too wide at ${wide.map((c) => levelText(c.level)).join(", ")}`);
  return `Intervals have been ${parts.join(" and ")}.`;
}
