// One instrument: its past, its forecast, and how such forecasts did; now, or as it was known at any moment.
import { useCallback, useEffect, useMemo } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Performance, Prices, SymbolDetail } from "../api/types";
import { claimsOf } from "../chart/claims";
import { askedSteps, isLine, upTo } from "../chart/series";
import { changePercent, change as changeText, price as priceText } from "../format/numbers";
import { barLabel, moment } from "../format/time";
import { Bone } from "../parts/bits";
import { ChartBody } from "../parts/chartbody";
import { Controls } from "../parts/controls";
import { Failure } from "../parts/failure";
import { Footer, QuickPicks } from "../parts/frame";
import { DownIcon, UpIcon } from "../parts/icons";
import { Layers } from "../parts/layers";
import { RiskCard, StatisticsCard } from "../parts/measures";
import { Origins } from "../parts/origins";
import { OutlookCard } from "../parts/outlookcard";
import { ProvenanceBadge } from "../parts/provenance";
import { TrackRecord } from "../parts/record";
import { className } from "../parts/search";
import { TravelBanner, TravelButton } from "../parts/travel";
import { nearestRow } from "../record/choose";
import { useCandles, type CandleResource } from "../state/candles";
import { useClaims } from "../state/claims";
import { useForecast } from "../state/forecast";
import { useIndicators } from "../state/indicators";
import { useResource, type Resource } from "../state/resource";
import { pollMs, slowPollMs } from "../state/server";
import { covers, useStream } from "../state/stream";
import { show, view } from "../state/view";
import "../styles/chart.css";

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
          <Failure error={detail.error} onRetry={detail.reload} of={symbol} level={1} />
        </div>
      </main>
    );
  }
  return <Board symbol={symbol} detail={detail.data} />;
}

const travel = (asOf: string | null): void => show({ asOf, again: false });

function Board({ symbol, detail }: { symbol: string; detail: SymbolDetail | null }) {
  const shown = view.value;
  const { asOf } = shown;
  const interval = shown.interval ?? detail?.default_interval ?? null;
  const empty = detail !== null && interval === null; // known, but without a single bar
  const adjustable = detail?.asset_class === "equity" || detail?.asset_class === "etf";
  const adjust = adjustable ? shown.adjust : "raw";
  const known = detail?.symbol ?? null;
  const streamed = detail?.sources.some((source) => source.interval === interval) ?? false;

  const candles = useCandles({ symbol: known, interval, adjust, asOf, range: shown.range, streamed });
  const bars = candles.data?.candles ?? [];
  const last = bars.findLast((bar) => bar.final);
  const first = bars[0] ? Date.parse(bars[0].start) / 1000 : null;
  const prices = usePrice(asOf ? null : known);
  const over = candles.data?.blocks.at(-1)?.provenance.stale ?? false;
  const { forecast, served, reload } = useForecast({ symbol: known, interval, last: last?.start ?? null, over, view: shown });
  // An average of several has no calibration curve of its own.
  const model = served === "auto" ? null : served;
  const record = known && interval && served && !asOf ? `${known} ${interval} ${served}` : null;
  const performance = useResource<Performance>(record && `performance ${record}`, (signal) => get("/performance", { symbol: known, interval, model, period: "all" }, signal), { everyMs: slowPollMs });
  const claimed = useClaims({ symbol: known, interval, model: served, step: shown.step, level: shown.level, asOf, from: shown.past ? first : null, onNews: reload });
  const claims = useMemo(() => (shown.past && claimed.data ? claimsOf(claimed.data) : []), [claimed.data, shown.past]);
  const indicators = useIndicators({ symbol: known, interval, chosen: shown.draw, asOf, from: first, last: last?.start ?? null });
  const unlike = indicators.adjust !== null && indicators.adjust !== adjust; // models read adjusted prices
  const lines = useMemo(() => indicators.lines.filter((line) => !unlike || line.pane !== "price"), [JSON.stringify(indicators.lines), unlike]);

  const said = forecast.data && forecast.data.interval === interval && !forecast.error ? forecast.data : null;
  const fan = useMemo(() => said && upTo(said, shown.horizon), [said, shown.horizon]);
  const flat = useMemo(() => isLine(bars), [bars.length > 0 && bars]);
  const onTravel = useCallback(travel, []);
  const hasVolume = bars.some((bar) => bar.volume !== null);
  const refused = unlike && shown.adjust === "raw" ? "Averages and bands are computed from adjusted prices, so they are not drawn over raw ones." : indicators.error;

  return (
    <main id="main" class={asOf ? "page travelled" : "page"}>
      {asOf && detail && interval && <TravelBanner detail={detail} interval={interval} asOf={asOf} bars={bars} onTravel={onTravel} />}
      <Head symbol={symbol} detail={detail} prices={prices} candles={candles} interval={interval} asOf={asOf} />
      <div class="board">
        <section class="card chart-card" aria-label="Prices and forecast">
          {detail && interval ? (
            <>
              <Controls detail={detail} view={shown} interval={interval} forecast={said} onChange={show} />
              <Layers detail={detail} view={shown} interval={interval} forecast={said} known={indicators.known} flat={flat} hasVolume={hasVolume} refused={refused} onChange={show}>
                {!asOf && <TravelButton detail={detail} interval={interval} asOf={asOf} bars={bars} onTravel={onTravel} />}
              </Layers>
            </>
          ) : empty ? null : (
            <ControlBones />
          )}
          <ChartBody symbol={symbol} detail={detail} interval={interval} candles={candles} view={shown} line={flat || shown.kind === "line"} fan={fan} claims={claims} indicators={indicators} lines={lines} onTravel={onTravel} />
        </section>
        <OutlookCard
          forecast={forecast}
          fan={fan}
          view={shown}
          detail={detail}
          nothing={empty || candles.error !== null || (candles.data !== null && !last)}
          busy={fan !== null && !asOf && (fan.horizon !== Math.min(shown.horizon, askedSteps(shown.horizon)) || fan.requested_model !== shown.model)}
          tested={performance.data && nearestRow(performance.data.walk_forward, shown.horizon)}
        />
      </div>
      {detail && interval && (
        <>
          <div class="measures">
            <RiskCard detail={detail} asOf={asOf} />
            <StatisticsCard detail={detail} asOf={asOf} />
            <Origins detail={detail} asOf={asOf} />
          </div>
          <TrackRecord detail={detail} interval={interval} horizon={shown.horizon} performance={performance} history={claimed} model={model} step={shown.step} level={shown.level} asOf={asOf} />
        </>
      )}
      <Footer origin={candles.data?.blocks.at(-1)?.provenance.origin ?? null} />
    </main>
  );
}

/** The latest price, from the stream while it is there. */
function usePrice(symbol: string | null): Resource<Prices> {
  const topics = symbol ? [`quotes:${symbol}`] : [];
  const prices = useResource<Prices>(symbol && `price ${symbol}`, (signal) => get("/prices", { symbols: symbol }, signal), { everyMs: () => (covers(topics) ? slowPollMs() : pollMs()) });
  useStream<Prices["items"][number]>(topics, (told, meta) => {
    if (told) prices.put({ items: [told], errors: [] });
    else if (meta.kind === "reload" && !meta.first) prices.reload();
  });
  return prices;
}

interface HeadProps {
  symbol: string;
  detail: SymbolDetail | null;
  prices: Resource<Prices>;
  candles: CandleResource;
  interval: string | null;
  asOf: string | null;
}

function Head({ symbol, detail, prices, candles, interval, asOf }: HeadProps) {
  const tick = detail?.tick ?? 0.01;
  return (
    <header class="head">
      <div>
        <h1>{detail?.symbol ?? symbol}</h1>
        <p class="soft">{detail ? `${detail.name} · ${className(detail.asset_class)}` : <Bone width="12em" />}</p>
      </div>
      <div class="quote" aria-live="off">
        {asOf ? <Then candles={candles} interval={interval} tick={tick} currency={detail?.currency ?? ""} /> : <Quote prices={prices} tick={tick} currency={detail?.currency ?? ""} />}
      </div>
    </header>
  );
}

function Quote({ prices, tick, currency }: { prices: Resource<Prices>; tick: number; currency: string }) {
  const quote = prices.data?.items[0];
  const failed = prices.data?.errors[0];
  if (!quote) return failed || prices.error ? <p class="soft">{failed?.detail ?? prices.error?.problem.detail}</p> : <Bone width="9em" height="2em" />;
  const up = (quote.change ?? 0) > 0;
  const down = (quote.change ?? 0) < 0;
  return (
    <>
      <p class="price" data-testid="price">
        {priceText(quote.price, tick)} <small>{currency}</small>
      </p>
      <p class={`change ${up ? "up" : down ? "down" : ""}`}>
        {up && <UpIcon />}
        {down && <DownIcon />}
        {changeText(quote.change, tick)} <span>{changePercent(quote.change_pct === null ? null : quote.change_pct / 100)}</span>
      </p>
      <ProvenanceBadge of={quote.provenance} />
    </>
  );
}

/** In the past there is no live price: the last one that was known, and of when it is. */
function Then({ candles, interval, tick, currency }: { candles: CandleResource; interval: string | null; tick: number; currency: string }) {
  const last = candles.data?.candles.at(-1);
  if (!last || !interval) return candles.data || candles.error ? <p class="soft">No price was known</p> : <Bone width="9em" height="2em" />;
  return (
    <>
      <p class="price" data-testid="price">
        {priceText(last.close, tick)} <small>{currency}</small>
      </p>
      <p class="soft" title={`Ended ${moment(last.end)}`}>
        {last.final ? "close" : "so far"} of {barLabel(last.start, interval)}
      </p>
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
