// The forecast fan as a series of its own: filled bands, the chosen one outlined, the median on top.
import type {
  CustomData,
  CustomSeriesOptions,
  CustomSeriesPricePlotValues,
  CustomSeriesWhitespaceData,
  ICustomSeriesPaneRenderer,
  ICustomSeriesPaneView,
  PaneRendererCustomData,
  PriceToCoordinateConverter,
  Time,
} from "lightweight-charts";
import { customSeriesDefaultOptions } from "lightweight-charts";
import type { Band } from "./series";

export interface FanData extends CustomData<Time> {
  step: number;
  median: number;
  bands: Band[];
}

export interface FanOptions extends CustomSeriesOptions {
  fill: string;
  line: string;
  rule: string;
  chosen: number;
}

type Target = Parameters<ICustomSeriesPaneRenderer["draw"]>[0];

interface Corner {
  x: number;
  upper: number;
  lower: number;
}

export class FanView implements ICustomSeriesPaneView<Time, FanData, FanOptions>, ICustomSeriesPaneRenderer {
  private data: PaneRendererCustomData<Time, FanData> | null = null;
  private options: FanOptions = this.defaultOptions();

  renderer(): ICustomSeriesPaneRenderer {
    return this;
  }

  update(data: PaneRendererCustomData<Time, FanData>, options: FanOptions): void {
    this.data = data;
    this.options = options;
  }

  priceValueBuilder(point: FanData): CustomSeriesPricePlotValues {
    const widest = point.bands[0];
    return widest ? [widest.lower, widest.upper, point.median] : [point.median];
  }

  isWhitespace(data: FanData | CustomSeriesWhitespaceData<Time>): data is CustomSeriesWhitespaceData<Time> {
    return !("median" in data);
  }

  defaultOptions(): FanOptions {
    return { ...customSeriesDefaultOptions, fill: "#3b4fd8", line: "#3b4fd8", rule: "#999", chosen: 0.8 };
  }

  draw(target: Target, toY: PriceToCoordinateConverter): void {
    const range = this.data?.visibleRange;
    if (!this.data || !range || range.from >= range.to) return; // all of it is off the screen
    // One more on each side, so that what crosses the edge is drawn up to it.
    const bars = this.data.bars.slice(Math.max(0, range.from - 1), range.to + 1);
    if (bars.length === 0) return;
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: hr, verticalPixelRatio: vr, bitmapSize }) => {
      const y = (value: number): number => (toY(value) ?? 0) * vr;
      const { fill, line, rule, chosen } = this.options;
      const levels = bars[0]?.originalData.bands.map((b) => b.level) ?? [];
      context.save();
      context.lineJoin = "round";
      const standing = bars[0];
      if (standing?.originalData.step === 0) {
        context.strokeStyle = rule;
        context.lineWidth = Math.max(1, Math.round(hr));
        context.setLineDash([2 * vr, 4 * vr]);
        context.beginPath();
        const x = Math.round(standing.x * hr) + 0.5;
        context.moveTo(x, 0);
        context.lineTo(x, bitmapSize.height);
        context.stroke();
        context.setLineDash([]);
      }
      levels.forEach((level, k) => {
        const corners = bars.flatMap<Corner>(({ x, originalData }) => {
          const band = originalData.bands[k];
          return band ? [{ x: x * hr, upper: y(band.upper), lower: y(band.lower) }] : [];
        });
        context.globalAlpha = opacity(level);
        context.fillStyle = fill;
        context.beginPath();
        corners.forEach((c, j) => (j ? context.lineTo(c.x, c.upper) : context.moveTo(c.x, c.upper)));
        for (const c of [...corners].reverse()) context.lineTo(c.x, c.lower);
        context.closePath();
        context.fill();
        if (Math.abs(level - chosen) > 1e-9) return;
        context.globalAlpha = 0.85;
        context.strokeStyle = line;
        context.lineWidth = 1.25 * vr;
        for (const edge of ["upper", "lower"] as const) {
          context.beginPath();
          corners.forEach((c, j) => (j ? context.lineTo(c.x, c[edge]) : context.moveTo(c.x, c[edge])));
          context.stroke();
        }
      });
      context.globalAlpha = 1;
      context.strokeStyle = line;
      context.lineWidth = 2 * vr;
      context.setLineDash([5 * hr, 3 * hr]);
      context.beginPath();
      bars.forEach(({ x, originalData }, j) => (j ? context.lineTo(x * hr, y(originalData.median)) : context.moveTo(x * hr, y(originalData.median))));
      context.stroke();
      context.restore();
    });
  }
}

/** Bands lie on each other, so the middle adds up to the strongest. */
function opacity(level: number): number {
  return level >= 0.9 ? 0.13 : level >= 0.7 ? 0.15 : 0.2;
}
