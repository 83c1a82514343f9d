// How many outcomes fell inside the interval, stretch by stretch, against the promise.
import { useState } from "preact/hooks";
import { get } from "../api/client";
import type { CoverageOverTime } from "../api/types";
import { count, level as levelText, percent } from "../format/numbers";
import { spanLabel, steps } from "../format/time";
import { chance, FEW, floorOf, heldSentence, judged } from "../record/say";
import { useResource } from "../state/resource";
import { slowPollMs } from "../state/server";
import { Choice, Scroll } from "./bits";
import { Answer } from "./answer";
import { Section } from "./section";

const LEVELS = [0.5, 0.8, 0.9, 0.95];
type Span = CoverageOverTime["items"][number];
type Held = Span["coverage"][number];

interface Props {
  query: { asset_class: string | null; interval: string; model: string; horizon: number; period: string };
}

export function HeldOverTime({ query }: Props) {
  const [level, setLevel] = useState(0.8);
  const found = useResource<CoverageOverTime>(`held ${JSON.stringify(query)}`, (signal) => get("/performance/coverage", query, signal), { keep: true, everyMs: slowPollMs });
  return (
    <Section id="held" title="Has it stayed true?" about={`Outcomes inside the interval, by when they happened, ${steps(query.horizon, query.interval)} ahead. Sealed forecasts only.`} of={found}>
      {(data) =>
        data.items.length === 0 ? (
          <p class="nothing soft">No sealed forecast of this kind has met its outcome yet.</p>
        ) : (
          <>
            <Choice legend="Promised" value={level} options={LEVELS.map((value) => ({ value, label: levelText(value) }))} onChange={setLevel} />
            <p>{sentence(data, level)}</p>
            <Picture of={data} level={level} />
            <Table of={data} />
          </>
        )
      }
    </Section>
  );
}

function at(span: Span, level: number): Held {
  const found = span.coverage.find((one) => one.level === level);
  if (!found) throw new Error(`no coverage at ${level}`);
  return found;
}

/** All stretches together in one sentence; how many of them missed the promise by more than chance in another. */
function sentence(data: CoverageOverTime, level: number): string {
  const held = data.items.map((span) => at(span, level));
  const n = held.reduce((sum, one) => sum + one.n, 0);
  const inside = held.reduce((sum, one) => sum + one.measured * one.n, 0);
  const off = held.filter((one) => ["narrow", "wide"].includes(judged(one))).length;
  const all = `${percent(inside / n, 1)} of ${count(n)} outcomes fell inside the interval that promised ${levelText(level)}.`;
  if (data.items.length === 1) return held[0] ? heldSentence(held[0]) : all;
  return `${all} ${off === 0 ? `No ${data.stretch} was off by more than chance explains.` : `${count(off)} of ${count(data.items.length)} ${data.stretch}s were off by more than chance explains; about one in twenty is to be expected.`}`;
}

function Picture({ of, level }: { of: CoverageOverTime; level: number }) {
  const rows = of.items.map((span) => ({ span, held: at(span, level) }));
  const low = floorOf([level, ...rows.flatMap(({ held }) => (held.n < FEW ? [] : [held.measured, level - chance(held)]))]);
  const y = (share: number): number => 100 - (100 * (Math.max(low, Math.min(1, share)) - low)) / (1 - low);
  const x = (i: number): number => (rows.length === 1 ? 50 : 1.5 + (97 * i) / (rows.length - 1));
  const first = rows[0]?.span;
  const last = rows[rows.length - 1]?.span;
  return (
    <figure class="held">
      <div class="held-plot" role="img" aria-label={`Share inside the ${levelText(level)} interval, ${of.stretch} by ${of.stretch}; the figures are in the table below`}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <line class="promise" x1="0" x2="100" y1={y(level)} y2={y(level)} />
          {rows.map(({ span, held }, i) => (
            <line key={span.start} class="reach" x1={x(i)} x2={x(i)} y1={y(level - chance(held))} y2={y(level + chance(held))} />
          ))}
          <polyline points={rows.map(({ held }, i) => `${x(i)},${y(held.measured)}`).join(" ")} />
        </svg>
        {rows.map(({ span, held }, i) => (
          <i key={span.start} class={`point ${judged(held)}`} style={{ left: `${x(i)}%`, top: `${y(held.measured)}%` }} title={`${spanLabel(span.start, of.stretch)}: ${percent(held.measured, 1)} of ${count(held.n)}`} />
        ))}
        <span class="y" style={{ top: "0%" }}>
          {percent(1)}
        </span>
        <span class="y promised" style={{ top: `${y(level)}%` }}>
          {levelText(level)}
        </span>
        {y(low) - y(level) < -12 || level - low > 0.08 ? (
          <span class="y" style={{ top: "100%" }}>
            {percent(low)}
          </span>
        ) : null}
      </div>
      <figcaption class="soft small">
        <span>{first && spanLabel(first.start, of.stretch)}</span>
        <span>
          dashed: the promise · bars: how far chance alone goes, 95 times of 100 · <i class="point narrow" /> off by more
        </span>
        <span>{last && last !== first && spanLabel(last.start, of.stretch)}</span>
      </figcaption>
    </figure>
  );
}

function Table({ of }: { of: CoverageOverTime }) {
  return (
    <details class="version">
      <summary>The same in figures</summary>
      <Scroll label="Coverage over time">
        <table>
          <thead>
            <tr>
              <th scope="col">{of.stretch}</th>
              {LEVELS.map((level) => (
                <th key={level} scope="col" class="num">
                  In {levelText(level)}
                </th>
              ))}
              <th scope="col" class="num">
                n
              </th>
            </tr>
          </thead>
          <tbody>
            {[...of.items].reverse().map((span) => (
              <tr key={span.start}>
                <th scope="row">{spanLabel(span.start, of.stretch)}</th>
                {LEVELS.map((level) => {
                  const held = at(span, level);
                  return (
                    <td key={level} class="num">
                      <Answer
                        of={`inside ${levelText(level)}, ${spanLabel(span.start, of.stretch)}`}
                        facts={[
                          ["Outcomes", count(held.n)],
                          ["Bars of time", count(span.moments)],
                          ["Standard error", held.se === null ? "unknown" : percent(held.se, 1)],
                          ["Method", "clustered by moment"],
                          ["Chance alone", `${percent(level)} ± ${percent(chance(held), 1)}`],
                        ]}
                      >
                        {percent(held.measured, 1)}
                      </Answer>
                    </td>
                  );
                })}
                <td class="num">{count(span.n)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
