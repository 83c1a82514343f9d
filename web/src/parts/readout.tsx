// What the crosshair points at, in words that do not jump around. Without a crosshair: the last bar.
import type { Candle, Forecast } from "../api/types";
import { boundsAt } from "../chart/series";
import type { Pointed } from "../chart/chart";
import { compact, level as levelText, price, range } from "../format/numbers";
import { barLabel, isIntraday, momentUtc, moment, steps } from "../format/time";

interface Props {
  pointed: Pointed | null;
  last: Candle | undefined;
  line: boolean;
  forecast: Forecast | null;
  level: number;
  interval: string;
  tick: number;
}

export function Readout({ pointed, last, line, forecast, level, interval, tick }: Props) {
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
    </p>
  );
}
