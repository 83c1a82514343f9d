// Where one source ends and another begins: a thin line with the name of the one that follows.
import type { IChartApiBase, IPrimitivePaneView, ISeriesPrimitive, SeriesAttachedParameter, Time } from "lightweight-charts";

export interface Seam {
  time: number; // of the first bar of the new source
  name: string;
}

export class Seams implements ISeriesPrimitive<Time> {
  private chart: IChartApiBase<Time> | null = null;
  private redraw: (() => void) | null = null;
  private shown: readonly Seam[] = [];
  private colors = { line: "#999", text: "#666" };
  private font = "11px sans-serif";
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

  set(seams: readonly Seam[]): void {
    this.shown = seams;
    this.redraw?.();
  }

  paint(line: string, text: string, font: string): void {
    this.colors = { line, text };
    this.font = font;
    this.redraw?.();
  }

  private draw(target: Parameters<NonNullable<ReturnType<IPrimitivePaneView["renderer"]>>["draw"]>[0]): void {
    const scale = this.chart?.timeScale();
    if (!scale || this.shown.length === 0) return;
    const half = scale.options().barSpacing / 2;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.save();
      context.font = this.font;
      context.textBaseline = "top";
      context.setLineDash([1, 4]);
      for (const seam of this.shown) {
        const at = scale.timeToCoordinate(seam.time as Time);
        if (at === null || at < 0 || at > mediaSize.width) continue;
        const x = Math.round(at - half) + 0.5;
        context.strokeStyle = this.colors.line;
        context.beginPath();
        context.moveTo(x, 0);
        context.lineTo(x, mediaSize.height);
        context.stroke();
        context.fillStyle = this.colors.text;
        context.fillText(seam.name, x + 5, 4);
      }
      context.restore();
    });
  }
}
