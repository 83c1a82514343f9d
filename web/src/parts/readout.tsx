// What the crosshair points at, in words that do not jump around. Without a crosshair: the last bar.
import type { ReadonlySignal } from "@preact/signals";
import type { Block, Candle, Forecast } from "../api/types";
import { blockAt } from "../chart/bars";
import type { Claim } from "../chart/claims";
import type { Indicator, Line, Values } from "../chart/indicators";
import { boundsAt, seconds } from "../chart/series";
import type { Pointed } from "../chart/chart";
import { compact, level as levelText, price, range, significant } from "../format/numbers";
import { barLabel, isIntraday, momentUtc, moment, steps } from "../format/time";
import { CheckIcon, CrossIcon } from "./icons";
import { nameOf } from "./layers";
import { sourceName } from "./provenance";

interface Props {
  pointed: ReadonlySignal<Pointed | null>;
  last: Candle | undefined;
  line: boolean;
  forecast: Forecast | null;
  level: number;
  interval: string;
  tick: number;
  blocks: readonly Block[];
  claims: readonly Claim[];
  lines: readonly Line[];
  values: Values;
  known: readonly Indicator[];
}

export function Readout({ pointed: { value: pointed }, last, line, forecast, level, interval, tick, blocks, claims, lines, values, known }: Props) {
  if (pointed?.kind === "gap") {
    return (
      <p class="readout">
        <b>No data</b>
        <span>
          {isIntraday(interval) ? `${moment(pointed.gap.from)} to ${moment(pointed.gap.to)}` : `${barLabel(pointed.gap.from, interval)} to ${barLabel(pointed.gap.to, interval)}`}
        </span>
        <span class="soft">{pointed.gap.cause.replaceAll("_", " ")}</span>
      </p>
    );
  }
  if (pointed?.kind === "step" && forecast) {
    const step = forecast.steps[pointed.step - 1];
    const bounds = step && boundsAt(step, level);
    if (step && bounds) {
      return (
        <p class="readout claim">
          <b title={isIntraday(interval) ? momentUtc(step.target) : undefined}>{barLabel(step.target, interval)}</b>
          <span>
            <i>in {steps(step.step, interval)}</i>
          </span>
          <span>
            <i>median</i> {price(step.median, tick)}
          </span>
          <span>
            <i>{levelText(level)}</i> {range(bounds.lower, bounds.upper, tick)}
          </span>
        </p>
      );
    }
  }
  const bar = pointed?.kind === "bar" ? pointed.candle : last;
  if (!bar) return <p class="readout" />;
  const at = seconds(bar.start);
  const claim = claims.find((one) => one.time === at);
  const row = values.get(at);
  const from = blockAt(blocks, bar.start)?.provenance;
  return (
    <p class="readout">
      <b title={isIntraday(interval) ? momentUtc(bar.start) : undefined}>{barLabel(bar.start, interval)}</b>
      {line ? (
        <span>{price(bar.close, tick)}</span>
      ) : (
        (["open", "high", "low", "close"] as const).map((name) => (
          <span key={name} class={name === "open" ? "wide" : ""}>
            <i>{name[0]?.toUpperCase()}</i> {price(bar[name], tick)}
          </span>
        ))
      )}
      {bar.volume ? (
        <span class="wide">
          <i>Vol</i> {compact(bar.volume)}
        </span>
      ) : null}
      {!bar.final && <span class="soft">still forming</span>}
      {lines.map((one) => {
        const value = row?.[one.column];
        return value === null || value === undefined ? null : (
          <span key={one.column} class="wide">
            <i>{nameOf(one, known)}</i> {one.pane === "price" ? price(value, tick) : signed(value)}
          </span>
        );
      })}
      {claim && (
        <span class="claim-then" title={`Issued ${moment(claim.item.issued_at)} (${momentUtc(claim.item.issued_at)}) by ${claim.item.model}`}>
          <i>forecast {steps(claim.item.step, interval)} before</i> {range(claim.lower, claim.upper, tick)}
          {claim.fate !== "open" && (
            <span class={claim.fate === "hit" ? "inside yes" : "inside no"}>
              {claim.fate === "hit" ? <CheckIcon /> : <CrossIcon />}
              <span>{claim.fate}</span>
            </span>
          )}
        </span>
      )}
      {from && (
        <span class="soft wide" title={`${from.origin}. Received ${moment(from.received_at)} (${momentUtc(from.received_at)})`}>
          {sourceName(from.source)}
        </span>
      )}
    </p>
  );
}

function signed(value: number): string {
  return value < 0 ? `\u2212${significant(-value)}` : significant(value);
}
