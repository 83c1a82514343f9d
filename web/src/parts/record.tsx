// The track record: what was sealed before the outcome, what the test on history says, and the last forecasts one by one.
import type { HistoryItem, Performance, PerformanceRow, SymbolDetail } from "../api/types";
import { fateOf } from "../chart/claims";
import type { Resource } from "../state/resource";
import { count, level as levelText, percent, price, range, score, significant } from "../format/numbers";
import { age, barLabel, barLabelShort, steps } from "../format/time";
import { serverNow, tick as clockTick, replaying } from "../state/server";
import { Bone, Scroll, When } from "./bits";
import { Calibration } from "./calibration";
import { Failure } from "./failure";
import { CalibrationCurve } from "./curve";
import { CheckIcon, CrossIcon } from "./icons";
import { Leaders } from "./leaders";
import { SkillLine, skillOf } from "./outlook";
import { nearestHorizon, nearestRow, shownItems } from "../record/choose";

interface Props {
  detail: SymbolDetail;
  interval: string;
  horizon: number;
  /** Whose record it is; null until a forecast says which model served. */
  model: string | null;
  performance: Resource<Performance>;
  history: Resource<HistoryItem[]>;
  /** Of the past forecasts that are listed. */
  step: number;
  level: number;
  /** In the past what counts is what the ledger knew; everything that was measured later is left out. */
  asOf: string | null;
}

export function TrackRecord({ detail, interval, horizon, model, performance, history, step, level, asOf }: Props) {
  const { data, error } = performance;
  const measured = data && nearestHorizon([...data.walk_forward, ...data.ledger], horizon);
  const listed = <Resolved detail={detail} interval={interval} history={history} step={step} level={level} />;
  if (asOf) {
    return (
      <section class="record" aria-labelledby="record-title">
        <header class="section-head">
          <h2 id="record-title">Track record as it stood then</h2>
          <p class="soft">Scores, calibration and leaderboard count what came later, too: they are left out here.</p>
        </header>
        {listed}
      </section>
    );
  }
  return (
    <section class="record" aria-labelledby="record-title">
      <header class="section-head">
        <h2 id="record-title">Track record</h2>
        <p class="soft">Every forecast is sealed before its outcome and scored after it, the bad ones too.</p>
      </header>
      {error && !data ? (
        <div class="card">
          <Failure error={error} onRetry={performance.reload} of="the track record" />
        </div>
      ) : (
        <div class="record-grid">
          <Evidence
            title={replaying.value ? "Sealed in this replay" : "Sealed and scored live"}
            about="Written to the ledger before the outcome was known."
            row={data && nearestRow(data.ledger, horizon)}
            loading={!data}
            interval={interval}
            calendar={detail.calendar}
            id="ledger"
          />
          <Evidence
            title="Walk-forward test"
            about="Recomputed over history with only what was known at each point. Not sealed."
            row={data && nearestRow(data.walk_forward, horizon)}
            loading={!data}
            interval={interval}
            calendar={detail.calendar}
            id="walk-forward"
          />
        </div>
      )}
      {model && measured !== null && <CalibrationCurve symbol={detail.symbol} interval={interval} model={model} horizon={measured} calendar={detail.calendar} />}
      <Leaders assetClass={detail.asset_class} interval={interval} horizon={horizon} calendar={detail.calendar} />
      {listed}
    </section>
  );
}

interface EvidenceProps {
  id: string;
  title: string;
  about: string;
  row: PerformanceRow | null;
  loading: boolean;
  interval: string;
  calendar: string;
}

function Evidence({ id, title, about, row, loading, interval, calendar }: EvidenceProps) {
  return (
    <section class="card evidence" aria-labelledby={`${id}-title`} id={id} aria-busy={loading}>
      <header>
        <h3 id={`${id}-title`}>{title}</h3>
        {row && row.n > 0 && (
          <p class="tag">
            {steps(row.horizon, interval, calendar)} ahead · n = {count(row.n)}
          </p>
        )}
      </header>
      <p class="soft small">{about}</p>
      {loading ? <EvidenceBones /> : row && row.n > 0 ? <Measured row={row} live={id === "ledger"} ahead={steps(row.horizon, interval, calendar)} /> : <Nothing row={row} walk={id === "walk-forward"} />}
    </section>
  );
}

function Measured({ row, live, ahead }: { row: PerformanceRow; live: boolean; ahead: string }) {
  return (
    <>
      <Calibration coverage={row.coverage} horizon={row.horizon} />
      <SkillLine model={row.model} skill={skillOf(row)} ahead={ahead} />
      <ul class="figures">
        <li title="Mean continuous ranked probability score, in price units. Lower is better.">
          <span>CRPS</span>
          <b>{significant(row.crps)}</b>
          <small>random walk {significant(row.crps_naive)}</small>
        </li>
        <li title="Mean absolute error of the median, in price units. MASE is the same over the mean absolute one-step change.">
          <span>Typical miss</span>
          <b>{significant(row.mae)}</b>
          <small>MASE {significant(row.mase)}</small>
        </li>
        <li title="How often the median moved in the direction the price then did.">
          <span>Direction right</span>
          <b>{row.direction ? percent(row.direction.hit_rate, 1) : "–"}</b>
          <small>{row.direction ? `${percent(row.direction.lower)} to ${percent(row.direction.upper)}` : "no direction claimed"}</small>
        </li>
      </ul>
      {live && row.note && <p class="soft small">{row.note}</p>}
    </>
  );
}

function Nothing({ row, walk }: { row: PerformanceRow | null; walk: boolean }) {
  void clockTick.value;
  const at = row?.first_matures_at;
  const waits = at ? (Date.parse(at) - serverNow()) / 1000 : 0;
  return (
    <div class="nothing">
      <p><b>{walk ? "Not enough history for a test." : "No matured forecasts yet."}</b></p>
      {at && (
        <p class="soft">
          The first matures at <When iso={at} />
          {waits > 0 && ` (in ${age(waits)})`}.
        </p>
      )}
      {!walk && (
        <ol class="steps-of-proof soft">
          <li>Sealed in the ledger when it is issued</li>
          <li>Resolved when the outcome arrives</li>
          <li>Scored against a random walk, for good</li>
        </ol>
      )}
      {!at && <p class="soft">{row?.note ? sentence(row.note) : walk ? "" : "Forecasts issued from now on appear here when their outcome arrives."}</p>}
    </div>
  );
}

function sentence(note: string): string {
  return `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}

function EvidenceBones() {
  return (
    <div class="bones">
      <Bone />
      <Bone />
      <Bone />
      <Bone width="60%" height="2em" />
    </div>
  );
}

interface ResolvedProps {
  detail: SymbolDetail;
  interval: string;
  history: Resource<HistoryItem[]>;
  step: number;
  level: number;
}

function Resolved({ detail, interval, history, step, level }: ResolvedProps) {
  const { data, error } = history;
  const items = data ? shownItems(data) : [];
  const { tick } = detail;
  return (
    <section class="card resolved" aria-labelledby="resolved-title">
      <header>
        <h3 id="resolved-title">Forecasts and what became of them</h3>
        <p class="tag">
          {steps(step, interval, detail.calendar)} ahead · {levelText(level)} interval
        </p>
      </header>
      {error && !data ? (
        <Failure error={error} onRetry={history.reload} of="past forecasts" />
      ) : !data ? (
        <div class="bones">
          <Bone />
          <Bone />
          <Bone />
        </div>
      ) : items.length === 0 ? (
        <p class="nothing soft">No forecast of this instrument is in the ledger yet.</p>
      ) : (
        <Scroll label="Past forecasts">
          <table id="resolved" data-resolved={items.filter((i) => i.outcome !== null).length}>
            <thead>
              <tr>
                <th scope="col">For</th>
                <th scope="col" class="wide">
                  Issued
                </th>
                <th scope="col" class="num wide">
                  Median
                </th>
                <th scope="col" class="num">
                  Interval
                </th>
                <th scope="col" class="wide" aria-hidden="true" />
                <th scope="col" class="num">
                  Outcome
                </th>
                <th scope="col">
                  <span class="mute-narrow">Inside?</span>
                </th>
                <th scope="col" class="num" title="Error of the whole distribution, lower is better, against the random walk's on the same forecast">
                  CRPS <span class="wide">· walk</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <Row key={item.target} item={item} interval={interval} tick={tick} level={level} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  );
}

function Row({ item, interval, tick, level }: { item: HistoryItem; interval: string; tick: number; level: number }) {
  const done = item.outcome !== null;
  return (
    <tr class={done ? "done" : "open"} data-state={done ? "resolved" : "open"}>
      <td title={barLabel(item.target, interval)}>{barLabelShort(item.target, interval)}</td>
      <td class="wide">
        <When iso={item.issued_at}>{barLabelShort(item.issued_at, "1h")}</When>
      </td>
      <td class="num wide">{price(item.median, tick)}</td>
      <td class="num">{range(item.lower, item.upper, tick)}</td>
      <td class="wide">
        <Landing item={item} />
      </td>
      <td class="num">{done ? <b>{price(item.outcome, tick)}</b> : <span class="waiting">open</span>}</td>
      <td>{done && <Inside inside={fateOf(item) === "hit"} sealed={item.sealed} level={level} />}</td>
      <td class="num">
        {done && (
          <>
            {score(item.crps, tick)} <span class="soft wide">{score(item.crps_naive, tick)}</span>
          </>
        )}
      </td>
    </tr>
  );
}

/** Where the outcome fell: the interval always takes the middle half of the line, whatever its width in price. */
function Landing({ item }: { item: HistoryItem }) {
  const width = item.upper - item.lower;
  const at = item.outcome === null || width <= 0 ? null : 25 + (50 * (item.outcome - item.lower)) / width;
  const inside = at !== null && at >= 25 && at <= 75;
  return (
    <i class="landing" aria-hidden="true">
      <i class="band" />
      {at !== null && <i class={inside ? "point" : "point off"} style={{ left: `${Math.max(1, Math.min(99, at))}%` }} />}
    </i>
  );
}

function Inside({ inside, sealed, level }: { inside: boolean; sealed: boolean; level: number }) {
  return (
    <span class={inside ? "inside yes" : "inside no"} title={`${inside ? "Inside" : "Outside"} the ${levelText(level)} interval`}>
      {inside ? <CheckIcon /> : <CrossIcon />}
      {inside ? "inside" : "outside"}
      {!sealed && <em title="Recorded after its outcome: does not count">not sealed</em>}
    </span>
  );
}
