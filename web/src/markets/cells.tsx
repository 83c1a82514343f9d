// The cells of one instrument's row. Each reads its own signal, so that a price redraws no forecast.
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Candles, Forecast, SymbolItem } from "../api/types";
import { changePercent, change as changeText, count, pValue, percent, price as priceText, range } from "../format/numbers";
import { age, barLabel, steps as stepsText } from "../format/time";
import { Answer } from "../parts/answer";
import { Bone, When } from "../parts/bits";
import { ClockIcon, DownIcon, UpIcon } from "../parts/icons";
import { modelName } from "../parts/models";
import { provenanceFacts } from "../parts/provenance";
import { Sparkline } from "../parts/sparkline";
import { VerdictBadge } from "../parts/verdict";
import { useResource } from "../state/resource";
import { serverNow, tick as clockTick } from "../state/server";
import { reducedMotion } from "../state/theme";
import type { Cell } from "./board";
import { firstInterval, intervalOf, moveOf, type Quote } from "./rows";

export const SPARK_BARS = 40;
const LEVEL = 5e-5; // what is written as 0.00 % points nowhere
const FLASH_MS = 700;

interface Of {
  item: SymbolItem;
  cell: Cell;
}

export function PriceCell({ item, cell, answered }: Of & { answered: Signal<boolean> }) {
  const quote = cell.quote.value;
  const root = useRef<HTMLTableCellElement>(null);
  useFlash(root, quote?.price ?? null);
  return (
    <td class="num" ref={root}>
      {quote ? (
        <Answer quiet of={`Price of ${item.symbol}`} facts={() => priceFacts(quote, item)} note={() => quote.provenance.stale && "Nothing newer has come from this source."}>
          {priceText(quote.price, item.tick)}
        </Answer>
      ) : !answered.value ? (
        <Bone width="4em" />
      ) : (
        <span class="soft" title={cell.failure.value ?? ""}>
          no price
        </span>
      )}
    </td>
  );
}

export function ChangeCell({ item, cell }: Of) {
  const quote = cell.quote.value;
  if (quote?.change_pct == null) return <td class="num" />;
  return (
    <td class="num">
      <Answer
        quiet
        of={`Change of ${item.symbol}`}
        facts={() => [["Against", "the close of the session before"], ["In price", `${changeText(quote.change, item.tick)} ${item.currency}`], ...provenanceFacts(quote.provenance)]}
      >
        <Change share={(quote.change_pct ?? 0) / 100} />
      </Answer>
    </td>
  );
}

export function Change({ share }: { share: number }) {
  const way = Math.abs(share) < LEVEL ? "" : share > 0 ? "up" : "down";
  return (
    <span class={`change ${way}`}>
      {way === "up" && <UpIcon />}
      {way === "down" && <DownIcon />}
      {changePercent(share)}
    </span>
  );
}

export function AgeCell({ cell }: { cell: Cell }) {
  void clockTick.value;
  if (!cell.quote.peek()) void cell.quote.value; // the first is shown at once, then it is looked at every second
  const provenance = cell.quote.peek()?.provenance;
  if (!provenance) return <td class="num wide" />;
  return (
    <td class="num wide">
      <span class={provenance.stale ? "age stale" : "age"} title={provenance.stale ? "Older than it should be" : "As fresh as it should be"}>
        {provenance.stale && <ClockIcon />}
        {age((serverNow() - Date.parse(provenance.as_of)) / 1000)}
        {provenance.stale && <span class="sr-only">, stale</span>}
      </span>
    </td>
  );
}

/** The median's move over the next bar, and which way it points. */
export function MoveCell({ item, cell }: Of) {
  const forecast = cell.forecast.value;
  if (!forecast) return <td class="num soft">none yet</td>;
  const move = moveOf(forecast);
  const way = move === null || Math.abs(move) < LEVEL ? null : move > 0 ? "up" : "down";
  return (
    <td class="num">
      <ForecastAnswer forecast={forecast} item={item}>
        <span class="change">
          {way === "up" && <UpIcon />}
          {way === "down" && <DownIcon />}
          {move === null ? "–" : way === null ? "level" : changePercent(move)} <span class="soft">{forecast.interval}</span>
        </span>
      </ForecastAnswer>
    </td>
  );
}

export function IntervalCell({ item, cell }: Of) {
  const forecast = cell.forecast.value;
  const of = forecast && intervalOf(forecast);
  return (
    <td class="num wide">
      {of && (
        <ForecastAnswer forecast={forecast} item={item}>
          {range(of.lower, of.upper, item.tick)}
        </ForecastAnswer>
      )}
    </td>
  );
}

export function SkillCell({ item, cell }: Of) {
  const forecast = cell.forecast.value;
  return (
    <td class="wide">
      {forecast && (
        <ForecastAnswer forecast={forecast} item={item}>
          <VerdictBadge model={forecast.model} verdict={forecast.skill.verdict} />
        </ForecastAnswer>
      )}
    </td>
  );
}

function ForecastAnswer({ forecast, item, children }: { forecast: Forecast; item: SymbolItem; children: ComponentChildren }) {
  return (
    <Answer quiet of={`Forecast of ${item.symbol}`} facts={() => forecastFacts(forecast, item)} note={() => "Its record is over past forecasts; the interval is a statement about probability, not a bound."}>
      {children}
    </Answer>
  );
}

function priceFacts(quote: Quote, item: SymbolItem): [string, ComponentChildren][] {
  const { bid, ask } = quote;
  const sides: [string, ComponentChildren][] = bid !== null && ask !== null ? [["Bid and ask", range(bid, ask, item.tick)]] : [];
  return [["Price", `${priceText(quote.price, item.tick)} ${item.currency}`], ...sides, ...provenanceFacts(quote.provenance)];
}

function forecastFacts(forecast: Forecast, item: SymbolItem): [string, ComponentChildren][] {
  const of = intervalOf(forecast);
  const { skill, anchor, steps } = forecast;
  const promised = forecast.coverage.find(({ level }) => level === 0.8);
  return [
    ["Ahead", stepsText(1, forecast.interval, item.calendar)],
    ["Median", priceText(steps[0]?.median, item.tick)],
    ["80 % interval", of ? range(of.lower, of.upper, item.tick) : "–"],
    ["From", `${priceText(anchor.price, item.tick)}, ${barLabel(anchor.bar_start, forecast.interval)}`],
    ["Model", modelName(forecast.model)],
    ["Issued", <When iso={forecast.issued_at} />],
    ["Against the random walk", forecast.model === "naive" ? "it is the reference" : `${pValue(skill.p_value)}, ${count(skill.n)} forecasts`],
    ...(promised && promised.n > 0 ? ([["Outcomes inside so far", `${percent(promised.measured, 1)} of ${count(promised.n)}`]] as [string, string][]) : []),
  ];
}

/** The last closes, asked for when the row comes into sight and again when a bar has closed, ending in the price of now. */
export function SparkCell({ item, cell }: Of) {
  const [seen, setSeen] = useState(false);
  const root = useRef<HTMLTableCellElement>(null);
  useEffect(() => {
    if (!root.current || seen) return;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true));
    watcher.observe(root.current);
    return () => watcher.disconnect();
  }, [seen]);
  const interval = firstInterval(item.intervals) ?? "1d";
  const issued = cell.forecast.value?.anchor.bar_start ?? ""; // a forecast stands on a bar that has closed
  const found = useResource<Candles>(seen ? `spark ${item.symbol} ${interval} ${issued}` : null, (signal) => get(`/prices/${segment(item.symbol)}/candles`, { interval, limit: SPARK_BARS }, signal), { keep: true });
  void clockTick.value;
  return (
    <td class="wide">
      <span ref={root} class="spark">
        {found.data && <Sparkline values={closes(found.data, cell.quote.peek())} label={`${item.symbol}, last ${found.data.candles.length} bars of ${interval}`} />}
      </span>
    </td>
  );
}

function closes({ candles }: Candles, quote: Quote | null): number[] {
  const values = candles.map((bar) => bar.close);
  const last = candles.at(-1);
  if (quote && last && Date.parse(quote.provenance.as_of) > Date.parse(last.end)) values.push(quote.price);
  return values;
}

/** A tint while the price has just become another, not when it is first shown. No animation: those redraw every frame. */
function useFlash(root: { current: HTMLElement | null }, price: number | null): void {
  const before = useRef(price);
  const fading = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const was = before.current;
    before.current = price;
    const own = root.current;
    if (!own || was === null || price === null || was === price || reducedMotion.matches || document.hidden) return;
    own.dataset["flash"] = price > was ? "up" : "down";
    clearTimeout(fading.current);
    fading.current = setTimeout(() => delete own.dataset["flash"], FLASH_MS);
  }, [price]);
  useEffect(() => () => clearTimeout(fading.current), []);
}
