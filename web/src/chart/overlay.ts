// Past forecasts as a series of its own: what was claimed as a bracket, what became of it as a mark. Told by form, not colour.
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
import type { Fate } from "./claims";

export interface ClaimData extends CustomData<Time> {
  lower: number;
  median: number;
  upper: number;
  outcome: number | null;
  fate: Fate;
}

export interface ClaimOptions extends CustomSeriesOptions {
  claim: string;
  missed: string;
  paper: string;
}

type Target = Parameters<ICustomSeriesPaneRenderer["draw"]>[0];
type Layer = "claims" | "marks";

const BRACKET_PX = 4.5; // closer bars show the band alone
const MARK_PX = 2; // and closer ones no marks of hits

/** `claims` lies under the candles, `marks` over them. */
export class ClaimView implements ICustomSeriesPaneView<Time, ClaimData, ClaimOptions>, ICustomSeriesPaneRenderer {
  private data: PaneRendererCustomData<Time, ClaimData> | null = null;
  private options: ClaimOptions = this.defaultOptions();

  constructor(private readonly layer: Layer) {}

  renderer(): ICustomSeriesPaneRenderer {
    return this;
  }

  update(data: PaneRendererCustomData<Time, ClaimData>, options: ClaimOptions): void {
    this.data = data;
    this.options = options;
  }

  priceValueBuilder(point: ClaimData): CustomSeriesPricePlotValues {
    return this.layer === "claims" ? [point.lower, point.upper, point.median] : [point.outcome ?? point.median];
  }

  isWhitespace(data: ClaimData | CustomSeriesWhitespaceData<Time>): data is CustomSeriesWhitespaceData<Time> {
    return !("median" in data);
  }

  defaultOptions(): ClaimOptions {
    return { ...customSeriesDefaultOptions, claim: "#3b4fd8", missed: "#a8430c", paper: "#fff" };
  }

  draw(target: Target, toY: PriceToCoordinateConverter): void {
    const { bars, barSpacing, visibleRange: range } = this.data ?? { bars: [], barSpacing: 1, visibleRange: null };
    if (!range || range.from >= range.to) return;
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: hr, verticalPixelRatio: vr }) => {
      context.save();
      for (let i = Math.max(0, range.from); i < Math.min(bars.length, range.to); i += 1) {
        const bar = bars[i];
        if (!bar) continue;
        const place: Place = { x: bar.x * hr, spacing: barSpacing, hr, vr, y: (value) => (toY(value) ?? 0) * vr };
        if (this.layer === "claims") this.claim(context, bar.originalData, place);
        else this.mark(context, bar.originalData, place);
      }
      context.restore();
    });
  }

  private claim(context: CanvasRenderingContext2D, data: ClaimData, { x, spacing, hr, vr, y }: Place): void {
    const half = Math.max(0.5, Math.min(9, spacing * 0.42)) * hr;
    const [top, bottom] = [y(data.upper), y(data.lower)];
    context.fillStyle = this.options.claim;
    context.globalAlpha = data.fate === "open" ? 0.07 : 0.13;
    context.fillRect(x - half, top, 2 * half, bottom - top);
    if (spacing < BRACKET_PX) return;
    context.globalAlpha = 0.8;
    context.strokeStyle = this.options.claim;
    context.lineWidth = Math.max(1, vr);
    context.setLineDash(data.fate === "open" ? [2 * hr, 2 * hr] : []);
    context.beginPath();
    for (const edge of [top, bottom, y(data.median)]) {
      const at = Math.round(edge) + 0.5;
      const reach = edge === top || edge === bottom ? half : half * 0.6;
      context.moveTo(x - reach, at);
      context.lineTo(x + reach, at);
    }
    context.stroke();
    context.setLineDash([]);
  }

  /** A miss is a cross, a hit a dot; what is open has no mark. */
  private mark(context: CanvasRenderingContext2D, data: ClaimData, { x, spacing, hr, y }: Place): void {
    if (data.outcome === null || (data.fate === "hit" && spacing < MARK_PX)) return;
    const at = y(data.outcome);
    if (data.fate === "hit") {
      const radius = Math.max(1.2, Math.min(2.6, spacing * 0.28)) * hr;
      context.beginPath();
      context.arc(x, at, radius, 0, 2 * Math.PI);
      context.fillStyle = this.options.claim;
      context.fill();
      context.lineWidth = hr;
      context.strokeStyle = this.options.paper;
      context.stroke();
      return;
    }
    const arm = Math.max(2, Math.min(4.2, spacing * 0.5)) * hr;
    for (const [width, color] of [[4, this.options.paper], [2, this.options.missed]] as const) {
      context.lineWidth = width * hr;
      context.strokeStyle = color;
      context.beginPath();
      context.moveTo(x - arm, at - arm);
      context.lineTo(x + arm, at + arm);
      context.moveTo(x + arm, at - arm);
      context.lineTo(x - arm, at + arm);
      context.stroke();
    }
  }
}

interface Place {
  x: number;
  spacing: number;
  hr: number;
  vr: number;
  y: (value: number) => number;
}
