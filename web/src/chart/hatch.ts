// Where data is missing the chart shows that it is: a hatched strip with nothing drawn through it.
import type { IChartApiBase, IPrimitivePaneView, ISeriesPrimitive, SeriesAttachedParameter, Time } from "lightweight-charts";
import type { GapBand } from "./series";

export class GapHatch implements ISeriesPrimitive<Time> {
  private chart: IChartApiBase<Time> | null = null;
  private redraw: (() => void) | null = null;
  shown: readonly GapBand[] = [];
  private color = "#999";
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
    const half = scale.options().barSpacing / 2;
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: hr, bitmapSize }) => {
      context.save();
      context.strokeStyle = this.color;
      context.lineWidth = hr;
      for (const band of this.shown) {
        const left = scale.timeToCoordinate(band.from as Time);
        const right = scale.timeToCoordinate(band.to as Time);
        if (left === null || right === null) continue;
        const [x0, x1] = [(left - half) * hr, (right + half) * hr];
        if (x1 < 0 || x0 > bitmapSize.width) continue;
        context.save();
        context.beginPath();
        context.rect(x0, 0, x1 - x0, bitmapSize.height);
        context.clip();
        context.globalAlpha = 0.35;
        context.beginPath();
        for (let x = x0 - bitmapSize.height; x < x1; x += 9 * hr) {
          context.moveTo(x, bitmapSize.height);
          context.lineTo(x + bitmapSize.height, 0);
        }
        context.stroke();
        context.restore();
      }
      context.restore();
    });
  }
}
