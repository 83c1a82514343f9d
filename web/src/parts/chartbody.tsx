// The chart with its read-out above and its legend and tables below; or what stands there instead.
import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useMemo } from "preact/hooks";
import type { Forecast, SymbolDetail } from "../api/types";
import { Chart, type Pointed } from "../chart/chart";
import { CHART_KEYS } from "../chart/keys";
import type { Claim } from "../chart/claims";
import { tally } from "../chart/claims";
import { level as levelText, count } from "../format/numbers";
import { steps } from "../format/time";
import { fromOf, type CandleResource } from "../state/candles";
import type { Indicators } from "../state/indicators";
import type { View } from "../state/url";
import { BarsTable } from "./barstable";
import { Bone } from "./bits";
import { Failure } from "./failure";
import { CrossIcon } from "./icons";
import { LinesLegend } from "./layers";
import { StepsTable } from "./outlook";
import { Readout } from "./readout";

interface Props {
  symbol: string;
  detail: SymbolDetail | null;
  interval: string | null;
  candles: CandleResource;
  view: View;
  line: boolean;
  fan: Forecast | null;
  claims: readonly Claim[];
  indicators: Indicators;
  /** Lines that may be drawn on these prices. */
  lines: Indicators["lines"];
  onTravel: (asOf: string) => void;
}

export function ChartBody({ symbol, detail, interval, candles, view, line, fan, claims, indicators, lines, onTravel }: Props) {
  // A signal, so that moving over the chart redraws the read-out alone.
  const pointed = useSignal<Pointed | null>(null);
  const onPoint = useCallback((at: Pointed | null) => {
    pointed.value = at;
  }, []);
  const { data, error } = candles;
  const { asOf, range, level } = view;
  useEffect(() => onPoint(null), [symbol, interval, asOf]);
  const from = useMemo(() => (range ? fromOf(range, asOf) : null), [range, asOf, symbol, interval]);
  const travel = useCallback((candle: { end: string; final: boolean }) => candle.final && onTravel(candle.end), [onTravel]);
  const bars = data?.candles ?? [];
  if (error && !data) {
    return (
      <div class="chart-empty">
        <Failure error={error} onRetry={candles.reload} of="prices" />
      </div>
    );
  }
  if (detail && (interval === null || (data && bars.length === 0))) {
    return (
      <div class="chart-empty">
        <div class="failure">
          <h3>{asOf ? "Nothing was known yet" : "No prices yet"}</h3>
          <p>
            No bar of {detail.symbol} {interval ? "at this interval " : ""}had closed by {asOf ? "then" : "now. It appears here as soon as one does"}.
          </p>
        </div>
      </div>
    );
  }
  if (!detail || !interval || !data) {
    return (
      <>
        <p class="readout">
          <Bone width="16em" />
        </p>
        <div class="chart-empty skeleton" aria-busy="true" aria-label="Prices loading" />
      </>
    );
  }
  const { calendar, tick } = detail;
  const told = tally(claims);
  return (
    <>
      <Readout pointed={pointed} last={bars.at(-1)} line={line} forecast={fan} level={level} interval={interval} tick={tick} blocks={data.blocks} claims={claims} lines={lines} values={indicators.values} known={indicators.known} />
      <Chart
        label={summary(detail, interval, bars.length, fan, told)}
        candles={bars}
        gaps={data.gaps}
        blocks={data.blocks}
        interval={interval}
        tick={tick}
        line={line}
        volume={view.volume}
        forecast={fan}
        level={level}
        claims={claims}
        lines={lines}
        values={indicators.values}
        from={from}
        frame={`${symbol} ${range} ${asOf}`}
        onPoint={onPoint}
        onNeedOlder={candles.older}
        onTravel={travel}
      />
      <div class="chart-foot">
        <ul class="legend" aria-label="Legend">
          {fan && (
            <>
              <li>
                <i class="swatch b50" />
                50
              </li>
              <li>
                <i class="swatch b80" />
                80
              </li>
              <li>
                <i class="swatch b95" />
                95 % of outcomes
              </li>
              <li>
                <i class="swatch median" />
                median
              </li>
            </>
          )}
          {view.past && told.hit + told.miss > 0 && (
            <li title={`Past forecasts ${steps(view.step, interval, calendar)} ahead, as they stand in the ledger: ${levelText(level)} intervals`}>
              <i class="swatch bracket" />
              said before: <i class="dot-mark" /> {count(told.hit)} hit <CrossIcon /> {count(told.miss)} missed
            </li>
          )}
          <LinesLegend lines={lines} known={indicators.known} />
          {data.gaps.length > 0 && (
            <li>
              <i class="swatch gap" />
              no data
            </li>
          )}
          {data.resampled_from && <li class="soft">resampled from {data.resampled_from}</li>}
        </ul>
        <div class="tables">
          {fan && <StepsTable forecast={fan} level={level} />}
          <BarsTable candles={bars} claims={claims} interval={interval} tick={tick} line={line} />
          <Keys />
        </div>
      </div>
    </>
  );
}

function summary(detail: SymbolDetail, interval: string, bars: number, fan: Forecast | null, told: ReturnType<typeof tally>): string {
  const ahead = fan ? ` and a forecast ${steps(fan.horizon, interval, detail.calendar)} ahead` : "";
  const past = told.hit + told.miss > 0 ? ` ${told.hit} past forecasts hit, ${told.miss} missed.` : "";
  return `${detail.symbol}: ${bars} bars${ahead}.${past} Arrow keys read values, plus and minus zoom, T shows what was known at a bar. The same numbers are in the tables below.`;
}

/** How the chart is used without a mouse. */
export function Keys() {
  return (
    <details class="fold keys">
      <summary>Keys</summary>
      <dl class="key-list">
        {CHART_KEYS.map(([keys, does]) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
