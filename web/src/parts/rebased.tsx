// Price lines of several instruments from a common start: colours that colour-blind people tell apart, and names at the ends.
import { get, segment } from "../api/client";
import type { Candles } from "../api/types";
import { apart, marks, rebased, type Rebased, type Series } from "../compare/rebase";
import { changePercent, percent } from "../format/numbers";
import { barLabel } from "../format/time";
import { useResource } from "../state/resource";
import { serverNow } from "../state/server";
import { Section } from "./section";

export const LINES_MAX = 8;
const DAY_MS = 86_400_000;
const CANDLES_MAX = 2_000;
const LABEL_GAP = 7; // percent of the height

export function PriceLines({ symbols, days }: { symbols: readonly string[]; days: number }) {
  const asked = symbols.slice(0, LINES_MAX);
  const today = Math.floor(serverNow() / DAY_MS);
  const found = useResource<{ of: Rebased | null }>(`lines ${asked.join(",")} ${days} ${today}`, (signal) => load(asked, new Date((today - days) * DAY_MS).toISOString(), signal), { keep: true });
  return (
    <Section id="lines" title="Prices from a common start" about={`Change since the first day that all of them have.${symbols.length > LINES_MAX ? ` The first ${LINES_MAX} of ${symbols.length}.` : ""}`} of={found}>
      {({ of }) => (of ? <Lines of={of} /> : <p class="nothing soft">None of them has prices in this window.</p>)}
    </Section>
  );
}

async function load(symbols: readonly string[], start: string, signal: AbortSignal): Promise<{ of: Rebased | null }> {
  const series = symbols.map(async (symbol): Promise<Series> => {
    const { candles } = await get<Candles>(`/prices/${segment(symbol)}/candles`, { start, limit: CANDLES_MAX, adjust: "all" }, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      return { candles: [] as Candles["candles"] };
    });
    return { symbol, points: candles.map((candle) => [Date.parse(candle.start), candle.close] as const) };
  });
  return { of: rebased(await Promise.all(series)) };
}

function Lines({ of }: { of: Rebased }) {
  const changes = of.lines.flatMap(({ points }) => points.map(([, change]) => change));
  const [low, high] = [Math.min(0, ...changes), Math.max(0, ...changes)];
  const room = (high - low || 0.01) * 0.04;
  const y = (change: number): number => (100 * (high + room - change)) / (high - low + 2 * room);
  const x = (at: number): number => (100 * (at - of.from)) / (of.to - of.from || 1);
  const last = of.lines.map(({ points }) => points[points.length - 1]?.[1] ?? 0);
  const labels = apart(last.map(y), LABEL_GAP);
  const said = of.lines.map(({ symbol }, i) => `${symbol} ${changePercent(last[i])}`).join(", ");
  return (
    <figure class="lines">
      <div class="lines-plot" role="img" aria-label={`Change since ${barLabel(new Date(of.from).toISOString(), "1d")}: ${said}`}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          {marks(low, high).map((at) => (
            <line key={at} class={at === 0 ? "zero" : "grid"} x1="0" x2="100" y1={y(at)} y2={y(at)} />
          ))}
          {of.lines.map(({ symbol, points }, i) => (
            <polyline key={symbol} class={`series s${i}`} points={points.map(([at, change]) => `${x(at).toFixed(2)},${y(change).toFixed(2)}`).join(" ")} />
          ))}
        </svg>
        {marks(low, high).map((at) => (
          <span key={at} class="mark" style={{ top: `${y(at)}%` }}>
            {percent(at)}
          </span>
        ))}
        {of.lines.map(({ symbol }, i) => (
          <span key={symbol} class={`end s${i}`} style={{ top: `${labels[i] ?? 0}%` }}>
            {symbol} <span class="wide">{changePercent(last[i])}</span>
          </span>
        ))}
      </div>
      <figcaption class="soft small">
        {barLabel(new Date(of.from).toISOString(), "1d")} to {barLabel(new Date(of.to).toISOString(), "1d")}
        {of.left.map(({ symbol, reason }) => (
          <span key={symbol}>
            {" "}
            · {symbol}: {reason}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
