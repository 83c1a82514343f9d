// The chart: what happened in ink, what is claimed in colour.
import type { Time } from "lightweight-charts";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Block, Candle, Forecast, Gap } from "../api/types";
import { price as priceText } from "../format/numbers";
import { sourceName } from "../parts/provenance";
import { reducedMotion, shade } from "../state/theme";
import { candleAt, lowerBound } from "./bars";
import { placed, tally, type Claim } from "./claims";
import type { Line, Values } from "./indicators";
import { blend, fanPoints, pointOf, sameShape, seconds, withGaps, type FanPoint, type GapBand } from "./series";
import { ChartView } from "./view";

/** What the crosshair points at: a bar of the past, or a step of the forecast. */
export type Pointed = { kind: "bar"; candle: Candle } | { kind: "step"; step: number } | { kind: "gap"; gap: Gap };

interface Props {
  label: string;
  candles: readonly Candle[];
  gaps: readonly Gap[];
  blocks: readonly Block[];
  interval: string;
  tick: number;
  line: boolean;
  volume: boolean;
  forecast: Forecast | null;
  level: number;
  claims: readonly Claim[];
  lines: readonly Line[];
  values: Values;
  /** Where the chart begins when it opens, in milliseconds; null: as the horizon asks for. */
  from: number | null;
  /** What the reader asked for: another one opens with a fresh frame. */
  frame: string;
  onPoint: (pointed: Pointed | null) => void;
  onNeedOlder: () => void;
  /** The reader wants to see the chart as it was known when this bar ended. */
  onTravel: (candle: Candle) => void;
}

const ANIMATION_MS = 260;
const OLDER_AT_BARS = 10;
const BAR_PX_MIN = 3.5;
const PAST_BARS_MIN = 60;
const PAST_PER_STEP = 5;
const PANE_PX = 96;

export function Chart(props: Props) {
  const { candles, gaps, blocks, interval, forecast, level, tick, line, lines, values, claims } = props;
  const host = useRef<HTMLDivElement>(null);
  const drawn = useRef<ChartView | null>(null);
  const shownFan = useRef<FanPoint[]>([]);
  const framed = useRef("");
  const pointed = useRef<number | null>(null);
  const latest = useRef(props);
  latest.current = props;

  const past = useMemo(() => withGaps(candles, gaps, interval), [candles, gaps, interval]);
  const fan = useMemo(() => (forecast ? fanPoints(forecast, level) : []), [forecast, level]);
  const marks = useMemo(() => placed(claims, hasPlace(candles, fan)), [claims, candles, fan]);
  const seams = useMemo(() => blocks.slice(1).map((block) => ({ time: seconds(block.from), name: sourceName(block.provenance.source) })), [blocks]);
  const volume = useMemo(
    () => (props.volume ? candles.flatMap((candle) => (candle.volume === null ? [] : [{ time: pointOf(candle).time, value: candle.volume }])) : []),
    [candles, props.volume],
  );
  const axis = useRef<Axis>({ past, fan });
  axis.current = { past, fan };

  useEffect(() => {
    if (!host.current) return;
    const made = new ChartView(host.current, line);
    drawn.current = made;
    shownFan.current = [];
    framed.current = "";
    made.chart.subscribeCrosshairMove((event) => {
      latest.current.onPoint(event.time === undefined ? null : pointedAt(event.time as number, latest.current.candles, axis.current));
    });
    made.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < OLDER_AT_BARS && framed.current) latest.current.onNeedOlder();
    });
    return () => {
      drawn.current = null;
      made.remove();
    };
  }, [line]);

  const shaded = shade.value;
  useEffect(() => drawn.current?.paint({ tick, interval, level }), [shaded, tick, interval, level, line]);
  useEffect(() => drawn.current?.setPast(past.points, past.bands, framed.current !== ""), [past, line]);
  useEffect(() => drawn.current?.setSeams(seams), [seams, line]);
  useEffect(() => drawn.current?.setClaims(marks), [marks, line]);
  useEffect(() => drawn.current?.setVolume(volume), [volume, line]);
  useEffect(() => drawn.current?.setLines(lines, within(values, past.points)), [lines, values, past, line]);

  useEffect(() => {
    const now = drawn.current;
    if (!now) return;
    const from = shownFan.current;
    const draw = (points: FanPoint[]): void => {
      now.setFan(points);
      shownFan.current = points;
    };
    if (reducedMotion.matches || !sameShape(from, fan)) {
      draw(fan);
      return;
    }
    let request = 0;
    const began = performance.now();
    const advance = (at: number): void => {
      const t = Math.min(1, (at - began) / ANIMATION_MS);
      draw(t < 1 ? blend(from, fan, 1 - (1 - t) ** 3) : fan);
      if (t < 1) request = requestAnimationFrame(advance);
    };
    request = requestAnimationFrame(advance);
    return () => cancelAnimationFrame(request);
  }, [fan, line]);

  // A new instrument, interval or horizon gets a fresh frame; a new bar keeps the reader's own, unless it was untouched.
  const covered = props.from === null || seconds(candles[0]?.start ?? "") * 1000 <= props.from;
  const frameKey = `${props.frame} ${interval} ${fan.length} ${line} ${props.from !== null && covered}`;
  const lastTime = candles.at(-1)?.start ?? "";
  const home = (): { from: number; to: number } => {
    const [bars, steps, width] = [past.points.length, Math.max(0, fan.length - 1), host.current?.clientWidth ?? 800];
    if (props.from === null) return homeRange(bars, steps, width);
    const first = props.from === -Infinity ? 0 : lowerBound(past.points, props.from / 1000, (p) => p.time);
    return { from: first - 0.5, to: bars + steps + Math.max(1, (bars - first + steps) * 0.02) };
  };
  useEffect(() => {
    const now = drawn.current;
    if (!now || candles.length === 0) return;
    const scale = now.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    const total = past.points.length + Math.max(0, fan.length - 1);
    if (framed.current !== frameKey || (props.from === null && range && range.to >= total - 4)) {
      scale.setVisibleLogicalRange(home());
      framed.current = frameKey;
    }
  }, [frameKey, lastTime, line]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const now = drawn.current;
    if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
    const scale = now.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const span = range.to - range.from;
    const ahead = Math.max(0, fan.length - 1);
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const count = past.points.length + ahead;
      const by = (event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1);
      const next = Math.max(0, Math.min(count - 1, (pointed.current ?? past.points.length) + by));
      pointed.current = next;
      const time = next < past.points.length ? past.points[next]?.time : fan[next - past.points.length + 1]?.time;
      const entry = time === undefined ? null : pointedAt(time, candles, { past, fan });
      if (time === undefined || !entry) return;
      const value = entry.kind === "bar" ? entry.candle.close : entry.kind === "step" ? (fan.find((p) => p.time === time)?.median ?? null) : null;
      if (value !== null) now.chart.setCrosshairPosition(value, time as Time, entry.kind === "step" ? now.fan : now.past);
      // What is read stays on the screen.
      if (next < range.from + 1) scale.setVisibleLogicalRange({ from: next - 1, to: next - 1 + span });
      else if (next > range.to - 1) scale.setVisibleLogicalRange({ from: next + 1 - span, to: next + 1 });
      props.onPoint(entry);
    } else if (event.key === "+" || event.key === "-" || event.key === "=") {
      const by = event.key === "-" ? 1.25 : 0.8;
      const anchor = pointed.current ?? range.to;
      const share = Math.max(0, Math.min(1, (anchor - range.from) / span));
      scale.setVisibleLogicalRange({ from: anchor - span * by * share, to: anchor + span * by * (1 - share) });
    } else if (event.key === "t") {
      const time = pointed.current === null ? undefined : past.points[pointed.current]?.time;
      const candle = time === undefined ? null : candleAt(candles, time);
      if (candle) props.onTravel(candle);
    } else if (event.key === "Home" || event.key === "Escape") {
      pointed.current = null;
      now.chart.clearCrosshairPosition();
      props.onPoint(null);
      if (event.key === "Home") scale.setVisibleLogicalRange(home());
    } else return;
    event.preventDefault();
  };

  const end = fan.at(-1);
  const chosen = end?.bands.find((b) => Math.abs(b.level - level) < 1e-9);
  const told = tally(marks);
  const below = new Set(lines.map((one) => one.pane).filter((pane) => pane !== "price")).size;
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
      style={below ? { "--below": `${below * PANE_PX}px` } : undefined}
      data-bars={candles.length}
      data-last-bar={lastTime}
      data-kind={line ? "line" : "candles"}
      data-gaps={past.bands.length}
      data-seams={seams.length}
      data-volume={volume.length}
      data-claims={marks.length}
      data-hits={told.hit}
      data-misses={told.miss}
      data-lines={lines.map((one) => one.column).join(",")}
      data-fan-steps={Math.max(0, fan.length - 1)}
      data-fan-level={level}
      data-fan-lower={chosen ? priceText(chosen.lower, tick) : ""}
      data-fan-upper={chosen ? priceText(chosen.upper, tick) : ""}
    />
  );
}

interface Axis {
  past: { points: readonly { time: number }[]; bands: readonly GapBand[] };
  fan: readonly FanPoint[];
}

function pointedAt(time: number, candles: readonly Candle[], { past, fan }: Axis): Pointed | null {
  const candle = candleAt(candles, time);
  if (candle) return { kind: "bar", candle };
  const step = fan.find((point) => point.time === time && point.step > 0);
  if (step) return { kind: "step", step: step.step };
  const band = past.bands.find((one) => one.from <= time && time <= one.to);
  return band ? { kind: "gap", gap: band.gap } : null;
}

/** A past forecast is drawn where there is a bar, or a step of the fan; nowhere else is there a place on the axis. */
function hasPlace(candles: readonly Candle[], fan: readonly FanPoint[]): (time: number) => boolean {
  const ahead = new Set(fan.filter((point) => point.step > 0).map((point) => point.time));
  return (time) => ahead.has(time) || candleAt(candles, time) !== null;
}

/** Values of bars that are drawn: others would make places of their own on the axis. */
function within(values: Values, points: readonly { time: number }[]): Values {
  if (values.size === 0) return values;
  const shown = new Set(points.map((point) => point.time));
  return new Map([...values].filter(([time]) => shown.has(time)));
}

/** The frame a chart opens with: enough past to judge the fan by, and the fan wide enough to be read. */
export function homeRange(pastBars: number, steps: number, widthPx: number): { from: number; to: number } {
  const fits = Math.floor(widthPx / BAR_PX_MIN);
  const wanted = Math.max(PAST_BARS_MIN, Math.min(steps * PAST_PER_STEP, fits - steps), steps * 0.6);
  const past = Math.min(wanted, Math.max(pastBars, PAST_BARS_MIN / 2));
  return { from: pastBars - past - 0.5, to: pastBars + steps + Math.max(1, (past + steps) * 0.02) };
}
