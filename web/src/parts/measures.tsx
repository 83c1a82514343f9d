// What may be lost with this instrument, and what it did lately: with intervals, and from how many values.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, post, segment } from "../api/client";
import type { Estimate, RiskReport, Statistics, SymbolDetail } from "../api/types";
import { changePercent, count, percent, price } from "../format/numbers";
import { barLabel, moment } from "../format/time";
import { useResource } from "../state/resource";
import { slowPollMs } from "../state/server";
import { Bone, Choice, Facts } from "./bits";
import { Answer } from "./answer";
import { Link } from "./link";

const RISK_DAYS = 1_095;
const TAIL_LEVEL = 0.95;
const METHODS: Record<string, string> = { historical: "by history", parametric: "by Student's t", student_t: "by Student's t", filtered: "by filtered history" };
const PERIODS = ["30d", "90d", "1y"];
const PERIODS_SLOW = ["1y", "5y", "20y"]; // where there is a value a month or a quarter
const PERIOD_LABELS: Record<string, string> = { "30d": "30 days", "90d": "90 days", "1y": "A year", "5y": "5 years", "20y": "20 years" };

interface Props {
  detail: SymbolDetail;
  asOf: string | null;
}

export function RiskCard({ detail, asOf }: Props) {
  const { symbol } = detail;
  const question = { symbol, levels: [TAIL_LEVEL], horizon: 1, period_days: RISK_DAYS, as_of: asOf };
  const daily = detail.intervals.includes("1d");
  const found = useResource<RiskReport>(daily ? `risk of ${symbol} ${asOf}` : null, (signal) => post("/risk", question, signal));
  const { data, error } = found;
  return (
    <section class="card measure" id="risk" aria-labelledby="risk-title" aria-busy={found.busy}>
      <header>
        <h3 id="risk-title">Risk{asOf ? " as of then" : ""}</h3>
        {data && (
          <p class="tag">
            {count(data.n)} days up to {barLabel(data.last, data.interval)}
          </p>
        )}
      </header>
      {data ? (
        <>
          <RiskFacts of={data} />
          <p class="soft small">Small: where 90 % of the resamples lie.</p>
        </>
      ) : !daily ? (
        <p class="nothing soft">Risk is measured on days, and this has no daily values.</p>
      ) : error ? (
        <p class="nothing soft">{error.problem.detail}.</p>
      ) : (
        <Bones rows={5} />
      )}
      {!asOf && daily && (
        <p>
          <Link href={`/risk?basket=${encodeURIComponent(symbol)}:1`} class="small">
            More, and in a basket
          </Link>
        </p>
      )}
    </section>
  );
}

function RiskFacts({ of }: { of: RiskReport }) {
  const [tail, ...others] = of.tails;
  const also = others.map((one): [string, ComponentChildren] => [`VaR ${METHODS[one.method] ?? one.method}`, one.value_at_risk.value === null ? one.value_at_risk.reason : percent(one.value_at_risk.value, 2)]);
  const about = (what: string, more: [string, ComponentChildren][]): [string, ComponentChildren][] => [["What", what], ["From", `${count(of.n)} daily returns`], ...(of.bootstrap ? ([["Interval", `${percent(of.bootstrap.confidence)} of ${count(of.bootstrap.resamples)} resamples`]] as [string, ComponentChildren][]) : []), ...more];
  return (
    <Facts
      rows={[
        ...(tail
          ? ([
              [`Value at risk, 1 day, ${percent(tail.level)}`, <Sure of={tail.value_at_risk} name="Value at risk" rows={about(`Lost at least, one day in ${Math.round(1 / (1 - tail.level))}, ${METHODS[tail.method] ?? tail.method}`, also)} />],
              ["Expected shortfall", <Sure of={tail.expected_shortfall} name="Expected shortfall" rows={about("Average of the losses beyond it", [["Losses beyond", count(tail.beyond)]])} />],
            ] as [string, ComponentChildren][])
          : []),
        ["Volatility, annual", <Sure of={of.volatility} name="Volatility" rows={about("Of daily returns", [])} />],
        ["Volatility now", <Sure of={of.volatility_now} name="Volatility now" rows={about("EWMA of daily returns, decay .94, annual", [])} />],
        ["Deepest fall", <Sure of={of.max_drawdown.depth} name="Deepest fall" rows={about("From a highest value down", [["From", barLabel(of.max_drawdown.peak, of.interval)], ["To", barLabel(of.max_drawdown.trough, of.interval)]])} />],
      ]}
    />
  );
}

function Sure({ of, name, rows }: { of: Estimate; name: string; rows: [string, ComponentChildren][] }) {
  if (of.value === null) return <span class="soft small">{of.reason ?? "not defined"}</span>;
  return (
    <span class="sure">
      <Answer of={name} facts={rows}>
        <b>{percent(of.value, 2)}</b>
      </Answer>
      {of.low !== null && of.high !== null && <span class="soft small">{`${percent(of.low, 1)} to ${percent(of.high, 1)}`}</span>}
    </span>
  );
}

export function StatisticsCard({ detail, asOf }: Props) {
  const periods = detail.intervals.includes("1d") ? PERIODS : PERIODS_SLOW;
  const [period, setPeriod] = useState(periods[0] ?? "1y");
  const { symbol, tick } = detail;
  const found = useResource<Statistics>(
    `statistics ${symbol} ${period} ${asOf}`,
    (signal) => get(`/prices/${segment(symbol)}/statistics`, { period, as_of: asOf }, signal),
    asOf ? {} : { everyMs: slowPollMs },
  );
  const { data, error } = found;
  return (
    <section class="card measure" id="statistics" aria-labelledby="statistics-title" aria-busy={found.busy}>
      <header>
        <h3 id="statistics-title">Statistics{asOf ? " as of then" : ""}</h3>
        <Choice legend="Period" value={period} options={periods.map((value) => ({ value, label: value, title: PERIOD_LABELS[value] ?? value }))} onChange={setPeriod} />
      </header>
      {data ? (
        <Facts
          rows={[
            ["Range", <Answer of="Range" facts={[["Low", `${price(data.low.price, tick)}, ${moment(data.low.at)}`], ["High", `${price(data.high.price, tick)}, ${moment(data.high.at)}`], ["Bars", `${count(data.n)} of ${data.interval}${data.missing ? `, ${count(data.missing)} missing` : ""}`], ["Source", data.provenance.origin]]}>{price(data.low.price, tick)} – {price(data.high.price, tick)}</Answer>],
            ["Change", `${changePercent(data.change_pct === null ? null : data.change_pct / 100)}`],
            ["Volatility, annual", <Answer of="Volatility" facts={[["Method", data.volatility.method], ["From", `${count(data.volatility.returns)} returns`]]}>{data.volatility.annualised === null ? "–" : data.volatility.unit === "fraction" ? percent(data.volatility.annualised, 1) : price(data.volatility.annualised, tick)}</Answer>],
            ["Deepest fall", data.drawdown ? `${percent(data.drawdown.depth, 1)}` : "nothing fell"],
            ["From", `${moment(data.first_at)} to ${moment(data.last_at)}`],
          ]}
        />
      ) : error ? (
        <p class="nothing soft">{error.problem.detail}.</p>
      ) : (
        <Bones rows={5} />
      )}
    </section>
  );
}

function Bones({ rows }: { rows: number }) {
  return (
    <div class="bones">
      {Array.from({ length: rows }, (_, i) => (
        <Bone key={i} />
      ))}
    </div>
  );
}
