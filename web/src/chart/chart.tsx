// The chart: what happened in ink, what is claimed in colour.
import {
  CandlestickSeries,
  createChart,
  CrosshairMode,
  LineSeries,
  LineStyle,
  TickMarkType,
  type IChartApi,
  type ISeriesApi,
  type Time,
} from "lightweight-charts";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Candle, Forecast, Gap } from "../api/types";
import { decimalsOf, price as priceText } from "../format/numbers";
import { chosenZone } from "../format/choice";
import { barLabel, isIntraday } from "../format/time";
import { reducedMotion, shade } from "../state/theme";
import { palette } from "./colors";
import { FanView, type FanData, type FanOptions } from "./fan";
import { GapHatch } from "./hatch";
import { blend, fanPoints, isLine, sameShape, seconds, withGaps, type FanPoint } from "./series";

/** What the crosshair points at: a bar of the past, or a step of the forecast. */
export type Pointed = { kind: "bar"; candle: Candle } | { kind: "step"; step: number } | { kind: "gap"; gap: Gap };

interface Props {
  label: string;
  candles: readonly Candle[];
  gaps: readonly Gap[];
  interval: string;
  tick: number;
  forecast: Forecast | null;
  level: number;
  onPoint: (pointed: Pointed | null) => void;
  onNeedOlder: () => void;
}

interface Drawn {
  chart: IChartApi;
  fan: ISeriesApi<"Custom", Time>;
  hatch: GapHatch;
  past: ISeriesApi<"Candlestick", Time> | ISeriesApi<"Line", Time>;
  line: boolean;
}

const ANIMATION_MS = 260;
const OLDER_AT_BARS = 10;
const BAR_PX_MIN = 3.5;
const PAST_BARS_MIN = 60;
const PAST_PER_STEP = 5;

export function Chart(props: Props) {
  const { candles, gaps, interval, forecast, level, tick } = props;
  const host = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const shownFan = useRef<FanPoint[]>([]);
  const framed = useRef("");
  const latest = useRef(props);
  latest.current = props;

  const line = useMemo(() => isLine(candles), [candles]);
  const past = useMemo(() => withGaps(candles, gaps, interval), [candles, gaps, interval]);
  const fan = useMemo(() => (forecast ? fanPoints(forecast, level) : []), [forecast, level]);
  const index = useMemo(() => indexByTime(candles, past.bands, fan), [candles, past, fan]);
  const lookup = useRef(index);
  lookup.current = index;

  useEffect(() => {
    if (!host.current) return;
    const made = create(host.current, line);
    drawn.current = made;
    shownFan.current = [];
    framed.current = "";
    made.chart.subscribeCrosshairMove((event) => {
      const at = event.time === undefined ? undefined : lookup.current.get(event.time as number);
      latest.current.onPoint(at ?? null);
    });
    made.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < OLDER_AT_BARS && framed.current) latest.current.onNeedOlder();
    });
    return () => {
      drawn.current = null;
      made.chart.remove();
    };
  }, [line]);

  const shaded = shade.value;
  useEffect(() => {
    if (drawn.current) paint(drawn.current, tick, interval, level);
  }, [shaded, tick, interval, level, line]);

  useEffect(() => {
    const now = drawn.current;
    if (!now) return;
    const range = now.chart.timeScale().getVisibleLogicalRange();
    const before = now.past.data().length;
    const first = now.past.data()[0]?.time;
    if (now.line) {
      (now.past as ISeriesApi<"Line">).setData(past.points.map((p) => ("close" in p ? { time: p.time as Time, value: p.close } : { time: p.time as Time })));
    } else {
      (now.past as ISeriesApi<"Candlestick">).setData(past.points.map((p) => ({ ...p, time: p.time as Time })));
    }
    now.hatch.set(past.bands, palette().muted);
    // Older bars put in front shift every index: keep what the reader was looking at where it was.
    const added = past.points.length - before;
    if (range && framed.current && before > 0 && first !== past.points[0]?.time && added > 0) {
      now.chart.timeScale().setVisibleLogicalRange({ from: range.from + added, to: range.to + added });
    }
  }, [past, line]);

  useEffect(() => {
    const now = drawn.current;
    if (!now) return;
    const from = shownFan.current;
    const draw = (points: FanPoint[]): void => {
      now.fan.setData(points.map((p) => ({ ...p, time: p.time as Time }) satisfies FanData));
      shownFan.current = points;
    };
    if (reducedMotion.matches || !sameShape(from, fan)) {
      draw(fan);
      return;
    }
    let frame = 0;
    const began = performance.now();
    const advance = (at: number): void => {
      const t = Math.min(1, (at - began) / ANIMATION_MS);
      draw(t < 1 ? blend(from, fan, 1 - (1 - t) ** 3) : fan);
      if (t < 1) frame = requestAnimationFrame(advance);
    };
    frame = requestAnimationFrame(advance);
    return () => cancelAnimationFrame(frame);
  }, [fan, line]);

  // A new instrument, interval or horizon gets a fresh frame; a new bar keeps the reader's own, unless it was untouched.
  const frameKey = `${forecast?.symbol ?? ""} ${interval} ${fan.length} ${line}`;
  const lastTime = candles.at(-1)?.start ?? "";
  useEffect(() => {
    const now = drawn.current;
    if (!now || candles.length === 0) return;
    const scale = now.chart.timeScale();
    const fresh = framed.current !== frameKey;
    const range = scale.getVisibleLogicalRange();
    const total = past.points.length + Math.max(0, fan.length - 1);
    if (fresh || (range && range.to >= total - 4)) {
      scale.setVisibleLogicalRange(homeRange(past.points.length, Math.max(0, fan.length - 1), host.current?.clientWidth ?? 800));
      framed.current = frameKey;
    }
  }, [frameKey, lastTime, line]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const now = drawn.current;
    if (!now) return;
    const scale = now.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const span = range.to - range.from;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const all = [...lookup.current.keys()];
      const bars = event.shiftKey ? 10 : 1;
      const at = pointed.current ?? all.length - Math.max(1, fan.length);
      const next = Math.max(0, Math.min(all.length - 1, at + (event.key === "ArrowLeft" ? -bars : bars)));
      pointed.current = next;
      const time = all[next];
      const entry = time === undefined ? undefined : lookup.current.get(time);
      if (time === undefined || !entry) return;
      const value = entry.kind === "bar" ? entry.candle.close : entry.kind === "step" ? (fan.find((p) => p.time === time)?.median ?? 0) : null;
      if (value !== null) now.chart.setCrosshairPosition(value, time as Time, entry.kind === "step" ? now.fan : now.past);
      latest.current.onPoint(entry);
    } else if (event.key === "+" || event.key === "-") {
      const by = event.key === "+" ? 0.8 : 1.25;
      scale.setVisibleLogicalRange({ from: range.to - span * by, to: range.to });
    } else if (event.key === "Home" || event.key === "Escape") {
      pointed.current = null;
      now.chart.clearCrosshairPosition();
      latest.current.onPoint(null);
      if (event.key === "Home") scale.setVisibleLogicalRange(homeRange(past.points.length, Math.max(0, fan.length - 1), host.current?.clientWidth ?? 800));
    } else return;
    event.preventDefault();
  };
  const pointed = useRef<number | null>(null);

  const end = fan.at(-1);
  const chosen = end?.bands.find((b) => Math.abs(b.level - level) < 1e-9);
  return (
    <div
      class="chart"
      ref={host}
      role="application"
      aria-roledescription="chart"
      aria-label={props.label}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onBlur={() => {
        pointed.current = null;
      }}
      data-bars={candles.length}
      data-last-bar={lastTime}
      data-kind={line ? "line" : "candles"}
      data-gaps={past.bands.length}
      data-fan-steps={Math.max(0, fan.length - 1)}
      data-fan-level={level}
      data-fan-lower={chosen ? priceText(chosen.lower, tick) : ""}
      data-fan-upper={chosen ? priceText(chosen.upper, tick) : ""}
    />
  );
}

function indexByTime(candles: readonly Candle[], bands: ReturnType<typeof withGaps>["bands"], fan: readonly FanPoint[]): Map<number, Pointed> {
  const found: [number, Pointed][] = candles.map((candle) => [seconds(candle.start), { kind: "bar", candle }]);
  for (const band of bands) found.push([band.from, { kind: "gap", gap: band.gap }], [band.to, { kind: "gap", gap: band.gap }]);
  for (const point of fan) if (point.step > 0) found.push([point.time, { kind: "step", step: point.step }]);
  return new Map(found.sort((a, b) => a[0] - b[0]));
}

/** The frame a chart opens with: enough past to judge the fan by, and the fan wide enough to be read. */
export function homeRange(pastBars: number, steps: number, widthPx: number): { from: number; to: number } {
  const fits = Math.floor(widthPx / BAR_PX_MIN);
  const wanted = Math.max(PAST_BARS_MIN, Math.min(steps * PAST_PER_STEP, fits - steps), steps * 0.6);
  const past = Math.min(wanted, Math.max(pastBars, PAST_BARS_MIN / 2));
  return { from: pastBars - past - 0.5, to: pastBars + steps + Math.max(1, (past + steps) * 0.02) };
}

function create(host: HTMLElement, line: boolean): Drawn {
  const chart = createChart(host, {
    autoSize: true,
    layout: { attributionLogo: false, background: { color: "transparent" }, fontFamily: getComputedStyle(host).fontFamily, fontSize: 11 },
    grid: { vertLines: { visible: false } },
    rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.08, bottom: 0.08 } },
    timeScale: { borderVisible: false, lockVisibleTimeRangeOnResize: true, shiftVisibleRangeOnNewBar: false },
    crosshair: { mode: CrosshairMode.Normal },
    handleScroll: { mouseWheel: true, pressedMouseMove: true, horzTouchDrag: true, vertTouchDrag: false },
  });
  const fan = chart.addCustomSeries<FanData, FanOptions>(new FanView(), { priceLineVisible: false, lastValueVisible: false });
  const past = line
    ? chart.addSeries(LineSeries, { lineWidth: 2, crosshairMarkerRadius: 3, priceLineVisible: false })
    : chart.addSeries(CandlestickSeries, { priceLineVisible: false });
  const hatch = new GapHatch();
  past.attachPrimitive(hatch);
  return { chart, fan, hatch, past, line };
}

function paint({ chart, fan, past, line, hatch }: Drawn, tick: number, interval: string, level: number): void {
  const colors = palette();
  const decimals = decimalsOf(tick);
  const priceFormat = { type: "price", precision: decimals, minMove: 10 ** -decimals } as const;
  chart.applyOptions({
    layout: { textColor: colors.muted },
    grid: { horzLines: { color: colors.hairline } },
    crosshair: {
      vertLine: { color: colors.muted, width: 1, style: LineStyle.Dotted, labelBackgroundColor: colors.ink },
      horzLine: { color: colors.muted, width: 1, style: LineStyle.Dotted, labelBackgroundColor: colors.ink },
    },
    localization: {
      priceFormatter: (value: number) => priceText(value, tick),
      timeFormatter: (time: Time) => barLabel(new Date((time as number) * 1000).toISOString(), interval),
    },
    timeScale: { timeVisible: isIntraday(interval), tickMarkFormatter: (time: Time, type: TickMarkType) => tickMark(time as number, type, interval) },
  });
  if (line) (past as ISeriesApi<"Line">).applyOptions({ color: colors.ink, priceFormat });
  else {
    (past as ISeriesApi<"Candlestick">).applyOptions({
      priceFormat,
      upColor: colors.paper,
      downColor: colors.ink,
      borderUpColor: colors.ink,
      borderDownColor: colors.ink,
      wickUpColor: colors.ink,
      wickDownColor: colors.ink,
    });
  }
  fan.applyOptions({ fill: colors.fan, line: colors.fan, rule: colors.muted, chosen: level, priceFormat } as Partial<FanOptions>);
  hatch.set(hatch.shown, colors.muted);
}

/** Axis labels: local time below a day, period labels (never shifted) from a day on. */
function tickMark(time: number, type: TickMarkType, interval: string): string {
  const chosen = chosenZone();
  const zone = !isIntraday(interval) ? { timeZone: "UTC" } : chosen ? { timeZone: chosen } : {};
  const options: Intl.DateTimeFormatOptions =
    type === TickMarkType.Year
      ? { year: "numeric" }
      : type === TickMarkType.Month
        ? { month: "short" }
        : type === TickMarkType.DayOfMonth
          ? { day: "numeric", month: "short" }
          : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat("en-GB", { ...options, ...zone }).format(new Date(time * 1000));
}
