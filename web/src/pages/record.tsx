// The track record over all instruments: who is better than the random walk, and whether stated confidence is true.
import { get } from "../api/client";
import type { ModelItem, Page, SymbolItem, Verification } from "../api/types";
import { count } from "../format/numbers";
import { intervalName, intervalSeconds } from "../format/time";
import { everySymbol } from "../markets/symbols";
import { Choice, Facts, When } from "../parts/bits";
import { CalibrationCurve } from "../parts/curve";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { HeldOverTime } from "../parts/held";
import { BrokenIcon, SealIcon } from "../parts/icons";
import { Leaders, type Kind } from "../parts/leaders";
import { modelName } from "../parts/models";
import { ORDERS, Singles, type Order } from "../parts/resolved";
import { className } from "../parts/search";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";

const HORIZONS = [1, 5, 10, 24];
const PERIODS = ["24h", "7d", "30d", "90d", "1y", "all"];
const DEFAULTS = { class: "fx", interval: "1d", horizon: "1", period: "all", model: "ewma_walk", kind: "walk_forward", order: "newest" };

export function Record() {
  const symbols = useResource<Page<SymbolItem>>("symbols", everySymbol);
  const models = useResource<{ items: ModelItem[] }>("models", (signal) => get("/models", {}, signal));
  const items = symbols.data?.items ?? [];
  const classes = [...new Set(items.map((item) => item.asset_class))];
  const of = asked("class") ?? DEFAULTS.class;
  const intervals = [...new Set(items.filter((item) => item.asset_class === of).flatMap((item): string[] => item.intervals))].sort((a, b) => intervalSeconds(a) - intervalSeconds(b));
  const wanted = asked("interval") ?? DEFAULTS.interval;
  const interval = intervals.length === 0 || intervals.includes(wanted) ? wanted : (intervals[0] ?? wanted);
  const horizon = HORIZONS.find((steps) => String(steps) === asked("horizon")) ?? 1;
  const period = PERIODS.find((one) => one === asked("period")) ?? DEFAULTS.period;
  const model = asked("model") ?? DEFAULTS.model;
  const kind: Kind = asked("kind") === "ledger" ? "ledger" : "walk_forward";
  const order: Order = ORDERS.find((one) => one === asked("order")) ?? "newest";
  const set = (patch: Record<string, string>): void => {
    const query = { class: of, interval, horizon: String(horizon), period, model, kind, order, ...patch };
    const short = Object.entries(query).map(([key, value]): [string, string | null] => [key, value === DEFAULTS[key as keyof typeof DEFAULTS] ? null : value]);
    go(withQuery("/record", Object.fromEntries(short)), { replace: true });
  };
  const judged = models.data?.items.filter((item) => item.status !== "unavailable" && item.name !== "auto") ?? [];
  const query = { asset_class: of, interval, model, horizon, period };
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Track record</h1>
          <p class="soft">Every forecast is sealed before its outcome and scored after it, the bad ones too.</p>
        </div>
      </header>
      <section class="card" aria-label="What to show">
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Class" value={of} options={classes.map((name) => ({ value: name, label: className(name) }))} onChange={(value) => set({ class: value })} />
          <Choice legend="Interval" value={interval} options={intervals.map((value) => ({ value, label: value, title: intervalName(value) }))} onChange={(value) => set({ interval: value })} />
          <Choice legend="Steps ahead" value={horizon} options={HORIZONS.map((steps) => ({ value: steps, label: String(steps) }))} onChange={(value) => set({ horizon: String(value) })} />
          <Choice legend="Sealed within" value={period} options={PERIODS.map((value) => ({ value, label: value }))} onChange={(value) => set({ period: value })} />
        </form>
      </section>
      <h2 class="sr-only">Models against the random walk</h2>
      <Leaders assetClass={of} interval={interval} horizon={horizon} period={period} of={{ kind, onKind: (value) => set({ kind: value }) }} />
      <section class="card" aria-label="Whose confidence">
        <form class="controls" onSubmit={(event) => event.preventDefault()}>
          <Choice legend="Model" value={model} options={judged.map((item) => ({ value: item.name, label: modelName(item.name) }))} onChange={(value) => set({ model: value })} />
        </form>
        <p class="soft small">
          What follows is of this model on {className(of)} at {intervalName(interval)}, from sealed forecasts only.
        </p>
      </section>
      <div class="pair">
        <CalibrationCurve symbol={null} interval={interval} model={model} horizon={horizon} assetClass={of} period={period} />
        <HeldOverTime query={query} />
      </div>
      <Singles query={query} order={order} tickOf={(symbol) => items.find((item) => item.symbol === symbol)?.tick ?? 0.0001} onOrder={(value) => set({ order: value })} />
      <div class="pair">
        <Ledger />
        <Reading />
      </div>
      <Footer origin={null} />
    </main>
  );
}

/** For those who are not statisticians. */
function Reading() {
  return (
    <section class="card" aria-labelledby="reading-title">
      <h2 id="reading-title">How to read this</h2>
      <dl class="reading">
        <dt>CRPS ratio</dt>
        <dd>How far the forecast distributions were from what happened, divided by the same for a random walk with honest intervals. 0.98 is 2 % closer; above 1 is worse than knowing nothing but the last price.</dd>
        <dt>Verdict</dt>
        <dd>“Better” only where the difference can hardly be luck (a Diebold-Mariano test with errors that allow for overlap). “No edge” is the usual, honest answer.</dd>
        <dt>In 90 %</dt>
        <dd>How often the outcome fell into the interval that promised 90 %. Much less: overconfident. Much more: vague.</dd>
        <dt>Moves</dt>
        <dd>An error in average one-step moves of that instrument, so that a calm and a wild one can stand in one list.</dd>
        <dt>Sealed or walk-forward</dt>
        <dd>Sealed forecasts were in the ledger before the outcome was known. Walk-forward ones were recomputed over history, each from its own past: many more, but made afterwards.</dd>
        <dt>Underlined figures</dt>
        <dd>Hover or focus them: how many outcomes, the standard error, the method.</dd>
      </dl>
    </section>
  );
}

function Ledger() {
  const check = useResource<Verification>("ledger", (signal) => get("/ledger/verify", {}, signal));
  const found = check.data;
  return (
    <section class="card" aria-labelledby="ledger-title" id="ledger">
      <h2 id="ledger-title">The ledger</h2>
      {check.error && !found ? (
        <Failure error={check.error} onRetry={check.reload} of="the check of the ledger" />
      ) : found ? (
        <>
          <p class={`verified ${found.ok ? "" : "broken"}`}>
            {found.ok ? <SealIcon /> : <BrokenIcon />}
            {found.ok ? `Nothing has been changed: all ${count(found.rows)} rows match the ones before them.` : `Broken at row ${count(found.first_broken)}: ${found.reason ?? "a row does not match"}.`}
          </p>
          <Facts
            rows={[
              ["Rows", count(found.rows)],
              ["Read again this time", count(found.rows - found.known)],
              ["Head", <code title={found.head}>{found.head.slice(0, 16) || "empty"}</code>],
              ["Checked", <When iso={found.checked_at} />],
            ]}
          />
          <p class="soft small">
            Keep the head elsewhere and even a cut-off end would show. Check it yourself: <code>truecast ledger verify</code>
          </p>
        </>
      ) : null}
    </section>
  );
}
