// The chart itself: its series and panes, filled and painted. It knows no page; chart.tsx tells it what to show.
import {
  CandlestickSeries,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  TickMarkType,
  type IChartApi,
  type ISeriesApi,
  type Time,
} from "lightweight-charts";
import { compact, decimalsOf, price as priceText, significant } from "../format/numbers";
import { axisLabel, barLabel, isIntraday } from "../format/time";
import { changeOf } from "./bars";
import type { Claim } from "./claims";
import { LINE_COLORS, palette, type Palette } from "./colors";
import { FanView, type FanData, type FanOptions } from "./fan";
import { GapHatch } from "./hatch";
import type { Line, Values } from "./indicators";
import { ClaimView, type ClaimData, type ClaimOptions } from "./overlay";
import { Seams, type Seam } from "./seams";
import type { CandlePoint, EmptyPoint, FanPoint, GapBand } from "./series";

type Point = CandlePoint | EmptyPoint;
interface OwnFormat {
  type: "custom";
  formatter: (value: number) => string;
  minMove: number;
}
type AnySeries = ISeriesApi<"Line", Time> | ISeriesApi<"Histogram", Time>;

export interface Look {
  tick: number;
  interval: string;
  level: number;
}

export interface VolumeBar {
  time: number;
  value: number;
}

const PRICE_PARTS = 100; // of the height; panes below take so many each
const VOLUME_PARTS = 18;
const PANE_PARTS = 30;
const BAR_PX_LEAST = 0.01; // 50,000 bars fit on a phone
const DASHES = [LineStyle.Solid, LineStyle.Dashed, LineStyle.LargeDashed, LineStyle.Dotted];
const VOLUME = "volume";

export class ChartView {
  readonly chart: IChartApi;
  readonly fan: ISeriesApi<"Custom", Time>;
  readonly past: ISeriesApi<"Candlestick", Time> | ISeriesApi<"Line", Time>;
  private readonly claims: ISeriesApi<"Custom", Time>;
  private readonly marks: ISeriesApi<"Custom", Time>;
  private readonly hatch = new GapHatch();
  private readonly seams = new Seams();
  private readonly line: boolean;
  private readonly host: HTMLElement;
  private volume: ISeriesApi<"Histogram", Time> | null = null;
  private lines: { of: Line; series: AnySeries }[] = [];
  private panes: string[] = [];
  private points: readonly Point[] = [];
  private look: Look = { tick: 0.01, interval: "1d", level: 0.8 };

  constructor(host: HTMLElement, line: boolean) {
    this.host = host;
    this.line = line;
    this.chart = createChart(host, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: "transparent" }, fontFamily: getComputedStyle(host).fontFamily, fontSize: 0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize) },
      grid: { vertLines: { visible: false } },
      rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.08, bottom: 0.08 } },
      timeScale: {
        borderVisible: false,
        lockVisibleTimeRangeOnResize: true,
        shiftVisibleRangeOnNewBar: false,
        minBarSpacing: BAR_PX_LEAST,
        enableConflation: true, // bars closer than half a pixel are drawn as one
      },
      crosshair: { mode: CrosshairMode.Normal },
      handleScroll: { mouseWheel: true, pressedMouseMove: true, horzTouchDrag: true, vertTouchDrag: false },
    });
    const quiet = { priceLineVisible: false, lastValueVisible: false } as const;
    this.claims = this.chart.addCustomSeries<ClaimData, ClaimOptions>(new ClaimView("claims"), quiet);
    this.fan = this.chart.addCustomSeries<FanData, FanOptions>(new FanView(), quiet);
    this.past = line
      ? this.chart.addSeries(LineSeries, { lineWidth: 2, crosshairMarkerRadius: 3, priceLineVisible: false })
      : this.chart.addSeries(CandlestickSeries, { priceLineVisible: false });
    this.marks = this.chart.addCustomSeries<ClaimData, ClaimOptions>(new ClaimView("marks"), { ...quiet, autoscaleInfoProvider: () => null });
    this.past.attachPrimitive(this.hatch);
    this.past.attachPrimitive(this.seams);
  }

  remove(): void {
    this.chart.remove();
  }

  /** What is drawn of the past, gaps included. */
  get bars(): readonly Point[] {
    return this.points;
  }

  /** Draws what changed; older bars put in front leave the reader where he was. */
  setPast(points: readonly Point[], bands: readonly GapBand[], keepPlace: boolean): void {
    const change = changeOf(this.points, points);
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const [before, first] = [this.points.length, this.points[0]?.time];
    this.points = points;
    this.hatch.set(bands, palette().muted);
    if (change.kind === "none") return;
    if (change.kind === "tail") {
      for (const point of change.points) this.past.update(this.drawn(point) as never);
      return;
    }
    this.past.setData(points.map((point) => this.drawn(point)) as never);
    const added = points.length - before;
    if (range && keepPlace && before > 0 && first !== points[0]?.time && added > 0) {
      this.chart.timeScale().setVisibleLogicalRange({ from: range.from + added, to: range.to + added });
    }
  }

  setFan(points: readonly FanPoint[]): void {
    this.fan.setData(points.map((p) => ({ ...p, time: p.time as Time }) satisfies FanData));
  }

  setClaims(claims: readonly Claim[]): void {
    const data = claims.map(({ time, lower, median, upper, outcome, fate }) => ({ time: time as Time, lower, median, upper, outcome, fate }) satisfies ClaimData);
    this.claims.setData(data);
    this.marks.setData(data);
  }

  setSeams(seams: readonly Seam[]): void {
    this.seams.set(seams);
  }

  /** Volume below the price; null takes the pane away. */
  setVolume(bars: readonly VolumeBar[] | null): void {
    if (!bars?.length) {
      if (this.volume) this.chart.removeSeries(this.volume);
      this.volume = null;
      this.arrange(this.panes.filter((pane) => pane !== VOLUME));
      return;
    }
    if (!this.volume) {
      this.arrange([VOLUME, ...this.panes.filter((pane) => pane !== VOLUME)]);
      this.volume = this.chart.addSeries(HistogramSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: compact, minMove: 1 } }, this.paneOf(VOLUME));
      this.arrange(this.panes);
      this.paint(this.look);
    }
    this.volume.setData(bars.map(({ time, value }) => ({ time: time as Time, value })));
  }

  /** Indicators over the price and in panes below. */
  setLines(lines: readonly Line[], values: Values): void {
    const same = lines.length === this.lines.length && lines.every((line, i) => line.column === this.lines[i]?.of.column && line.style === this.lines[i]?.of.style);
    if (!same) {
      for (const { series } of this.lines) this.chart.removeSeries(series);
      this.lines = [];
      const below = [...new Set(lines.map((line) => line.pane).filter((pane) => pane !== "price"))];
      this.arrange([...(this.volume ? [VOLUME] : []), ...below]);
      this.lines = lines.map((of) => ({ of, series: this.added(of) }));
      this.arrange(this.panes);
      this.paint(this.look);
    }
    for (const { of, series } of this.lines) {
      const data = [...values].map(([time, row]) => {
        const value = row[of.column];
        return value === null || value === undefined ? { time: time as Time } : { time: time as Time, value };
      });
      series.setData(data as never);
    }
  }

  /** Colours and formats; again whenever the theme turns. */
  paint(look: Look): void {
    this.look = look;
    const { tick, interval, level } = look;
    const colors = palette();
    const priceFormat: OwnFormat = { type: "custom", formatter: (value: number) => priceText(value, tick), minMove: 10 ** -decimalsOf(tick) };
    this.chart.applyOptions({
      layout: { textColor: colors.muted, panes: { separatorColor: colors.hairline, separatorHoverColor: colors.hairline, enableResize: true } },
      grid: { horzLines: { color: colors.hairline } },
      crosshair: {
        vertLine: { color: colors.muted, width: 1, style: LineStyle.Dotted, labelBackgroundColor: colors.ink },
        horzLine: { color: colors.muted, width: 1, style: LineStyle.Dotted, labelBackgroundColor: colors.ink },
      },
      localization: {
        timeFormatter: (time: Time) => barLabel(new Date((time as number) * 1000).toISOString(), interval),
      },
      timeScale: { timeVisible: isIntraday(interval), tickMarkFormatter: (time: Time, type: TickMarkType) => tickMark(time as number, type, interval) },
    });
    if (this.line) (this.past as ISeriesApi<"Line">).applyOptions({ color: colors.ink, priceFormat });
    else {
      (this.past as ISeriesApi<"Candlestick">).applyOptions({
        priceFormat,
        upColor: colors.paper,
        downColor: colors.ink,
        borderUpColor: colors.ink,
        borderDownColor: colors.ink,
        wickUpColor: colors.ink,
        wickDownColor: colors.ink,
      });
    }
    this.fan.applyOptions({ fill: colors.fan, line: colors.fan, rule: colors.muted, chosen: level, priceFormat } as Partial<FanOptions>);
    for (const series of [this.claims, this.marks]) series.applyOptions({ claim: colors.fan, missed: colors.warn, paper: colors.paper, priceFormat } as Partial<ClaimOptions>);
    this.hatch.set(this.hatch.shown, colors.muted);
    this.seams.paint(colors.muted, colors.muted, `11px ${getComputedStyle(this.host).fontFamily}`);
    this.volume?.applyOptions({ color: colors.edge });
    for (const { of, series } of this.lines) this.paintLine(of, series, colors, priceFormat);
  }

  private paintLine(of: Line, series: AnySeries, colors: Palette, priceFormat: OwnFormat): void {
    const format = of.pane === "price" ? priceFormat : ({ type: "custom", formatter: figure, minMove: 1e-9 } as const);
    if (of.form === "histogram") {
      (series as ISeriesApi<"Histogram">).applyOptions({ color: colors.edge, priceFormat: format });
      return;
    }
    const color = colors.lines[of.style % LINE_COLORS] ?? colors.ink;
    (series as ISeriesApi<"Line">).applyOptions({ color, lineStyle: DASHES[of.dash % DASHES.length] ?? LineStyle.Solid, priceFormat: format });
  }

  private added(of: Line): AnySeries {
    const pane = of.pane === "price" ? 0 : this.paneOf(of.pane);
    const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerRadius: 3 } as const;
    if (of.form === "histogram") return this.chart.addSeries(HistogramSeries, { priceLineVisible: false, lastValueVisible: false }, pane);
    const series = this.chart.addSeries(LineSeries, { ...quiet, lineWidth: 2 }, pane);
    for (const price of of.guides) series.createPriceLine({ price, color: palette().muted, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: "" });
    return series;
  }

  private paneOf(name: string): number {
    return 1 + this.panes.indexOf(name);
  }

  /** The panes below the price, in this order, and how high each is. */
  private arrange(panes: readonly string[]): void {
    const moved = this.volume && this.panes.includes(VOLUME) && panes.indexOf(VOLUME) !== this.panes.indexOf(VOLUME);
    this.panes = [...panes];
    if (moved && this.volume && panes.includes(VOLUME)) this.volume.moveToPane(this.paneOf(VOLUME));
    this.chart.panes().forEach((pane, i) => {
      const name = this.panes[i - 1];
      pane.setStretchFactor(i === 0 ? PRICE_PARTS : name === VOLUME ? VOLUME_PARTS : PANE_PARTS);
    });
  }

  private drawn(point: Point): { time: Time; value?: number } | (CandlePoint & { time: Time }) | { time: Time } {
    const time = point.time as Time;
    if (!("close" in point)) return { time };
    return this.line ? { time, value: point.close } : ({ ...point, time } as never);
  }
}

function figure(value: number): string {
  return value < 0 ? `\u2212${significant(-value)}` : significant(value);
}

/** What the library calls the parts of a time, in our words. */
function tickMark(time: number, type: TickMarkType, interval: string): string {
  const part = type === TickMarkType.Year ? "year" : type === TickMarkType.Month ? "month" : type === TickMarkType.DayOfMonth ? "day" : "clock";
  return axisLabel(time * 1000, part, interval);
}
