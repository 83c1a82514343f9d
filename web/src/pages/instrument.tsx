// One instrument: its past, its forecast, and how such forecasts did.
import { useEffect, useMemo, useState } from "preact/hooks";
import { get, post, segment } from "../api/client";
import type { Forecast, HistoryItem, Page, Performance, Prices, SymbolDetail } from "../api/types";
import { Chart, type Pointed } from "../chart/chart";
import { askedSteps, isLine, SHOWN_LEVELS, upTo } from "../chart/series";
import { changePercent, change as changeText, price as priceText } from "../format/numbers";
import { steps } from "../format/time";
import { Bone } from "../parts/bits";
import { Controls } from "../parts/controls";
import { Failure } from "../parts/failure";
import { Footer, QuickPicks } from "../parts/frame";
import { DownIcon, UpIcon } from "../parts/icons";
import { Outlook, OutlookBones, StepsTable } from "../parts/outlook";
import { ProvenanceBadge } from "../parts/provenance";
import { Readout } from "../parts/readout";
import { TrackRecord } from "../parts/record";
import { className } from "../parts/search";
import { nearestRow } from "../record/choose";
import { useCandles } from "../state/candles";
import { useResource, type Resource } from "../state/resource";
import { info, pollMs, slowPollMs } from "../state/server";
import { show, view } from "../state/view";

export function Instrument() {
  return (
    <>
      <QuickPicks />
      <OneInstrument key={view.value.symbol} symbol={view.value.symbol} />
    </>
  );
}

function OneInstrument({ symbol }: { symbol: string }) {
  const detail = useResource<SymbolDetail>(`symbol ${symbol}`, (signal) => get(`/symbols/${segment(symbol)}`, {}, signal));
  useEffect(() => {
    document.title = detail.data ? `${detail.data.symbol} · Truecast` : "Truecast";
  }, [detail.data]);
  if (detail.error && !detail.data) {
    return (
      <main id="main" class="page">
        <div class="card tall">
          <Failure error={detail.error} onRetry={detail.reload} of={symbol} />
        </div>
      </main>
    );
  }
  return <Board symbol={symbol} detail={detail.data} />;
}

function Board({ symbol, detail }: { symbol: string; detail: SymbolDetail | null }) {
  const shown = view.value;
  const interval = shown.interval ?? detail?.default_interval ?? null;
  const empty = detail !== null && interval === null; // known, but without a single bar
  const adjustable = detail?.asset_class === "equity" || detail?.asset_class === "etf";
  const adjust = adjustable ? shown.adjust : "raw";
  const known = detail?.symbol ?? null;

  const candles = useCandles(known, interval, adjust);
  const bars = candles.data?.candles ?? [];
  const last = bars.findLast((bar) => bar.final);
  const prices = useResource<Prices>(known && `price ${known}`, (signal) => get("/prices", { symbols: known }, signal), { everyMs: pollMs });
  // A forecast stands on the last closed bar: ask again when there is a new one, not on a timer.
  const asked = askedSteps(shown.horizon);
  const series = known && interval && last ? `${known} ${interval} ${shown.model}` : null;
  const forecast = useResource<Forecast>(
    series && `forecast ${series} ${asked} ${last?.start}`,
    (signal) => {
      const question = { symbol: known, interval, horizon: asked, model: shown.model, levels: SHOWN_LEVELS };
      // Nothing can come of a forecast on data that ended long ago: asked as of now it is shown, but not sealed.
      const over = candles.data?.blocks.at(-1)?.provenance.stale ?? false;
      return post("/forecasts", over ? { ...question, as_of: info.peek()?.clock.now } : question, signal);
    },
    { keep: true },
  );
  // `auto` has no record of its own: the record shown is that of the model which served.
  const served = forecast.error || shown.model !== "auto" ? shown.model : (forecast.data?.model ?? null);
  const record = known && interval && served ? `${known} ${interval} ${served}` : null;
  const model = served === "auto" ? null : served;
  const performance = useResource<Performance>(
    record && `performance ${record}`,
    (signal) => get("/performance", { symbol: known, interval, model, period: "all" }, signal),
    { everyMs: slowPollMs },
  );
  const history = useResource<Page<HistoryItem>>(
    record && `history ${record}`,
    (signal) => get(`/forecasts/${segment(known ?? "")}/history`, { interval, model, horizon: 1, limit: 60 }, signal),
    { everyMs: pollMs },
  );
  const said = forecast.data && forecast.data.interval === interval && !forecast.error ? forecast.data : null;
  const fan = useMemo(() => said && upTo(said, shown.horizon), [said, shown.horizon]);

  return (
    <main id="main" class="page">
      <Head symbol={symbol} detail={detail} prices={prices} />
      <div class="board">
        <section class="card chart-card" aria-label="Prices and forecast">
          {detail && interval ? <Controls detail={detail} view={shown} interval={interval} forecast={said} onChange={show} /> : empty ? null : <ControlBones />}
          <ChartBody symbol={symbol} detail={detail} interval={interval} candles={candles} fan={fan} level={shown.level} />
        </section>
        {forecast.error ? (
          <section class="card outlook">
            <Failure error={forecast.error} onRetry={forecast.reload} of="the forecast" />
          </section>
        ) : fan && detail ? (
          <Outlook forecast={fan} level={shown.level} calendar={detail.calendar} busy={fan.horizon !== shown.horizon || fan.requested_model !== shown.model} tested={performance.data && nearestRow(performance.data.walk_forward, shown.horizon)} onLevel={(level) => show({ level })} />
        ) : empty || candles.error || (candles.data && !last) ? (
          <section class="card outlook">
            <p class="nothing soft">No prices, so no forecast.</p>
          </section>
        ) : (
          <OutlookBones />
        )}
      </div>
      {detail && interval && <TrackRecord detail={detail} interval={interval} horizon={shown.horizon} performance={performance} history={history} model={model} />}
      <Footer origin={candles.data?.blocks.at(-1)?.provenance.origin ?? null} />
    </main>
  );
}

function Head({ symbol, detail, prices }: { symbol: string; detail: SymbolDetail | null; prices: Resource<Prices> }) {
  const quote = prices.data?.items[0];
  const failed = prices.data?.errors[0];
  const tick = detail?.tick ?? 0.01;
  const up = (quote?.change ?? 0) > 0;
  const down = (quote?.change ?? 0) < 0;
  return (
    <header class="head">
      <div>
        <h1>{detail?.symbol ?? symbol}</h1>
        <p class="soft">{detail ? `${detail.name} · ${className(detail.asset_class)}` : <Bone width="12em" />}</p>
      </div>
      <div class="quote" aria-live="off">
        {quote ? (
          <>
            <p class="price" data-testid="price">
              {priceText(quote.price, tick)} <small>{detail?.currency}</small>
            </p>
            <p class={`change ${up ? "up" : down ? "down" : ""}`}>
              {up && <UpIcon />}
              {down && <DownIcon />}
              {changeText(quote.change, tick)} <span>{changePercent(quote.change_pct === null ? null : quote.change_pct / 100)}</span>
            </p>
            <ProvenanceBadge of={quote.provenance} />
          </>
        ) : failed ? (
          <p class="soft">{failed.detail}</p>
        ) : prices.error ? (
          <p class="soft">{prices.error.problem.detail}</p>
        ) : (
          <Bone width="9em" height="2em" />
        )}
      </div>
    </header>
  );
}

interface BodyProps {
  symbol: string;
  detail: SymbolDetail | null;
  interval: string | null;
  candles: ReturnType<typeof useCandles>;
  fan: Forecast | null;
  level: number;
}

function ChartBody({ symbol, detail, interval, candles, fan, level }: BodyProps) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const { data, error } = candles;
  const bars = data?.candles ?? [];
  const line = useMemo(() => isLine(bars), [bars]);
  useEffect(() => setPointed(null), [symbol, interval]);
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
          <h3>No prices yet</h3>
          <p>No bar of {detail.symbol} {interval ? "at this interval " : ""}had closed by now. It appears here as soon as one does.</p>
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
  const last = bars.at(-1);
  return (
    <>
      <Readout pointed={pointed} last={last} line={line} forecast={fan} level={level} interval={interval} tick={detail.tick} />
      <Chart
        label={`${detail.symbol}: ${bars.length} bars${fan ? ` and a forecast ${steps(fan.horizon, interval, detail.calendar)} ahead` : ""}. Arrow keys read values, plus and minus zoom.`}
        candles={bars}
        gaps={data.gaps}
        interval={interval}
        tick={detail.tick}
        forecast={fan}
        level={level}
        onPoint={setPointed}
        onNeedOlder={candles.older}
      />
      {fan && (
        <div class="chart-foot">
          <ul class="legend" aria-label="Legend">
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
            {data.resampled_from && <li class="soft">resampled from {data.resampled_from}</li>}
          </ul>
          <StepsTable forecast={fan} level={level} />
        </div>
      )}
    </>
  );
}

function ControlBones() {
  return (
    <div class="controls" aria-hidden="true">
      <Bone width="8em" height="2.2em" />
      <Bone width="14em" height="2.2em" />
      <Bone width="12em" height="2.2em" />
    </div>
  );
}
