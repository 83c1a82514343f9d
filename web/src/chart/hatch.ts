// Where data is missing the chart shows that it is: a hatched strip with nothing drawn through it.
import type { IChartApiBase, IPrimitivePaneView, ISeriesPrimitive, SeriesAttachedParameter, Time } from "lightweight-charts";
import { lowerBound } from "./bars";
import type { GapBand } from "./series";

export class GapHatch implements ISeriesPrimitive<Time> {
  private chart: IChartApiBase<Time> | null = null;
  private redraw: (() => void) | null = null;
  shown: readonly GapBand[] = [];
  private color = "#999";
  private made: { key: string; pattern: CanvasPattern | null } | null = null;
  private readonly views: readonly IPrimitivePaneView[];

  constructor() {
    const renderer: ReturnType<IPrimitivePaneView["renderer"]> = { draw: (target) => this.draw(target) };
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  attached(to: SeriesAttachedParameter<Time>): void {
    this.chart = to.chart;
    this.redraw = to.requestUpdate;
  }

  detached(): void {
    this.chart = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.views;
  }

  set(bands: readonly GapBand[], color: string): void {
    this.shown = bands;
    this.color = color;
    this.redraw?.();
  }

  private draw(target: Parameters<NonNullable<ReturnType<IPrimitivePaneView["renderer"]>>["draw"]>[0]): void {
    const scale = this.chart?.timeScale();
    if (!scale || this.shown.length === 0) return;
    const seen = scale.getVisibleRange();
    if (!seen) return;
    const half = scale.options().barSpacing / 2;
    // Only those on the screen are looked at: a long history has thousands.
    const first = lowerBound(this.shown, seen.from as number, (band) => band.to);
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: hr, bitmapSize }) => {
      const ink = this.pattern(context, hr);
      if (!ink) return;
      context.save();
      context.fillStyle = ink;
      for (let i = first; i < this.shown.length; i += 1) {
        const band = this.shown[i];
        if (!band || band.from > (seen.to as number)) break;
        const left = scale.timeToCoordinate(band.from as Time);
        const right = scale.timeToCoordinate(band.to as Time);
        if (left === null || right === null) continue;
        const [x0, x1] = [(left - half) * hr, (right + half) * hr];
        context.fillRect(x0, 0, Math.max(1, x1 - x0), bitmapSize.height);
      }
      context.restore();
    });
  }

  /** The hatching, drawn once for each colour and resolution. */
  private pattern(context: CanvasRenderingContext2D, ratio: number): CanvasPattern | null {
    const key = `${this.color} ${ratio}`;
    if (this.made?.key === key) return this.made.pattern;
    const size = Math.max(4, Math.round(9 * ratio));
    const tile = document.createElement("canvas");
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    if (!pen) return null;
    pen.strokeStyle = this.color;
    pen.globalAlpha = 0.35;
    pen.lineWidth = ratio;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
    }
    pen.stroke();
    this.made = { key, pattern: context.createPattern(tile, "repeat") };
    return this.made.pattern;
  }
}
