// Data health: where the numbers come from, what is missing, and the jobs that fetch and mend.
import { useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Advice, Job, Page, Quarantined, SeriesGap, SourceItem } from "../api/types";
import { count, percent } from "../format/numbers";
import { age, barLabel } from "../format/time";
import { ActButton } from "../parts/act";
import { Choice, Details, Facts, Scroll, When } from "../parts/bits";
import { Footer } from "../parts/frame";
import { JobTable } from "../parts/jobs";
import { Link } from "../parts/link";
import { Section } from "../parts/section";
import { asked, go, withQuery } from "../state/place";
import { useResource } from "../state/resource";
import { pollMs, serverNow, tick as clockTick } from "../state/server";

const GAPS_ASKED = 200;
const GAPS_SHOWN = 12;
const QUARANTINED_ASKED = 100;
const GAP_STATES = ["open", "filling", "filled", "unfillable"] as const;
const GAP_WORDS: Record<(typeof GAP_STATES)[number], string> = { open: "Open", filling: "Being filled", filled: "Filled", unfillable: "Nobody has it" };

const STATES: Record<SourceItem["state"], { text: string; tone: string }> = {
  ok: { text: "answers", tone: "good" },
  idle: { text: "not asked yet", tone: "" },
  resting: { text: "resting after failures", tone: "bad" },
  over_budget: { text: "budget used up", tone: "warn" },
  needs_key: { text: "needs a key", tone: "warn" },
  key_refused: { text: "key refused", tone: "bad" },
  local: { text: "on this machine", tone: "good" },
  off: { text: "switched off", tone: "" },
};

export function DataHealth() {
  const sources = useResource<{ items: SourceItem[] }>("sources", (signal) => get("/sources", {}, signal), { everyMs: pollMs });
  const advice = useResource<{ items: Advice[] }>("advice", (signal) => get("/sources/recommendations", {}, signal), { everyMs: pollMs });
  const state = GAP_STATES.find((one) => one === asked("gaps")) ?? null;
  const gaps = useResource<Page<SeriesGap>>(`gaps ${state ?? ""}`, (signal) => get("/market/gaps", { limit: GAPS_ASKED, state }, signal), { everyMs: pollMs, keep: true });
  const quarantine = useResource<Page<Quarantined>>("quarantine", (signal) => get("/market/quarantine", { limit: QUARANTINED_ASKED }, signal), { everyMs: pollMs });
  const jobs = useResource<{ items: Job[] }>("jobs", (signal) => get("/jobs", {}, signal), { everyMs: pollMs });
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Data health</h1>
          <p class="soft">Where the numbers come from, what is missing, and what is being done about it.</p>
        </div>
      </header>
      {advice.data && advice.data.items.length > 0 && (
        <section class="card" aria-labelledby="advice-title">
          <h2 id="advice-title">What you could do</h2>
          <ul class="advice">
            {advice.data.items.map((item) => (
              <li key={item.text}>{item.text}</li>
            ))}
          </ul>
        </section>
      )}
      <div class="twin">
        <Section id="sources" title="Sources" about="Each with its published limits, and how it has answered this server." of={sources}>
          {(data) => <SourceTable items={data.items} />}
        </Section>
        <Section id="jobs" title="Jobs" about="What runs when, and how it went last time." of={jobs}>
          {(data) => <JobTable items={data.items} onChange={jobs.reload} />}
        </Section>
      </div>
      <div class="twin">
        <Section id="gaps" title="Gaps" about="Bars that should exist and did not come. They are mended from a real source, never made up." of={gaps}>
          {(data) => (
            <>
              <Choice
                legend="State"
                value={state ?? "any"}
                options={[{ value: "any", label: "Any" }, ...GAP_STATES.map((value) => ({ value: value as string, label: GAP_WORDS[value] }))]}
                onChange={(value) => go(withQuery("/data", { gaps: value === "any" ? null : value }), { replace: true })}
              />
              {data.items.length === 0 ? <p class="nothing soft">{state ? `No gap is ${GAP_WORDS[state].toLowerCase()}.` : "Nothing is missing."}</p> : <GapTable page={data} />}
            </>
          )}
        </Section>
        <Section id="quarantine" title="Quarantine" about="Rows that a source sent and that do not stand to reason. They are kept apart, with what the source said." of={quarantine}>
          {(data) => (data.items.length === 0 ? <p class="nothing soft">Nothing is held back.</p> : <QuarantineTable items={data.items} onChange={quarantine.reload} />)}
        </Section>
      </div>
      <Footer origin={null} />
    </main>
  );
}

function SourceTable({ items }: { items: readonly SourceItem[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? items : items.filter((item) => item.configured);
  return (
    <>
      <Scroll label="Table of sources">
        <table>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">State</th>
              <th scope="col" class="num">
                Last answer
              </th>
              <th scope="col" class="num wide">
                Asked
              </th>
              <th scope="col" class="wide">
                Budget used
              </th>
              <th scope="col" class="wide">
                Last error
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((item) => (
              <SourceRow key={item.key} item={item} />
            ))}
          </tbody>
        </table>
      </Scroll>
      {items.some((item) => !item.configured) && (
        <button type="button" class="button small" onClick={() => setAll((a) => !a)} aria-expanded={all}>
          {all ? "Only those in use" : `Show ${items.filter((item) => !item.configured).length} more that are switched off`}
        </button>
      )}
    </>
  );
}

function SourceRow({ item }: { item: SourceItem }) {
  void clockTick.value;
  const { text, tone } = STATES[item.state];
  const { usage, breaker } = item;
  return (
    <tr data-source={item.key} data-state={item.state}>
      <th scope="row">
        <Details
          kind="plain"
          label={`About ${item.name}`}
          summary={
            <>
              <b>{item.name}</b>
              {item.unofficial && <span class="badge warn">unofficial</span>}
            </>
          }
        >
          <Facts
            rows={[
              ["Has", item.asset_classes.join(", ") || "–"],
              ["Intervals", item.intervals.join(", ") || "–"],
              ["Can", item.capabilities.join(", ") || "bars"],
              ["Published", item.delay.replace("_", " ")],
              ["Licence", item.licence],
              ...(usage
                ? ([
                    ["Shared answers", count(usage.coalesced)],
                    ["Batched", usage.batching_gain === null ? "–" : `${usage.batching_gain.toFixed(1)} symbols a request`],
                    ["Sent per question", usage.amplification === null ? "–" : usage.amplification.toFixed(2)],
                    ["Typical answer", usage.latency_s === null ? "–" : `${(usage.latency_s * 1000).toFixed(0)} ms`],
                  ] as [string, string][])
                : []),
            ]}
          />
          <p class="sheet-note">{item.terms}</p>
        </Details>
      </th>
      <td>
        <span class={`badge ${tone}`}>{text}</span>
        {item.feed && <FeedBadge of={item.feed} />}
        {breaker && breaker.state !== "closed" && <span class="soft small"> {breaker.retry_after_s ? `again in ${age(breaker.retry_after_s)}` : "trying"}</span>}
      </td>
      <td class="num">{item.last_success_at ? <When iso={item.last_success_at}>{age((serverNow() - Date.parse(item.last_success_at)) / 1000)}</When> : <span class="soft">–</span>}</td>
      <td class="num wide">{usage ? count(usage.attempts) : "–"}</td>
      <td class="wide">
        {item.limits.map((limit) => (
          <Budget key={`${limit.counted} ${limit.window_s}`} limit={limit} />
        ))}
      </td>
      <td class="wide small soft error-said">{item.last_error ?? ""}</td>
    </tr>
  );
}

function FeedBadge({ of }: { of: NonNullable<SourceItem["feed"]> }) {
  const live = of.state === "live";
  const said = `${count(of.symbols)} symbols, ${count(of.messages)} messages, ${count(of.reconnects)} reconnects, ${count(of.gaps)} gaps of which ${count(of.fills)} filled${of.last_error ? `. ${of.last_error}` : ""}`;
  return (
    <span class={`badge ${live ? "good" : "warn"}`} title={said}>
      feed {of.state}
    </span>
  );
}

function Budget({ limit }: { limit: SourceItem["limits"][number] }) {
  const share = limit.amount > 0 ? limit.used / limit.amount : 0;
  const said = `${count(limit.used)} of ${count(limit.amount)} ${limit.counted} in ${age(limit.window_s)} (${percent(share)})`;
  return (
    <span class="budget" title={`${said}. ${count(limit.reserved)} are kept for requests that somebody waits for.`}>
      <meter min={0} max={1} high={0.8} optimum={0} value={Math.min(1, share)} aria-label={said} />
      <small>
        {count(limit.used)} / {count(limit.amount)} <span class="soft">in {age(limit.window_s)}</span>
      </small>
    </span>
  );
}

function GapTable({ page }: { page: Page<SeriesGap> }) {
  const [all, setAll] = useState(false);
  const shown = all ? page.items : page.items.slice(0, GAPS_SHOWN);
  return (
    <>
      <Scroll label="Table of gaps">
        <table>
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col">From</th>
              <th scope="col" class="wide">
                To
              </th>
              <th scope="col" class="num">
                Bars
              </th>
              <th scope="col">State</th>
              <th scope="col" class="wide">
                Cause
              </th>
              <th scope="col" class="num wide">
                Attempts
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((gap) => (
              <tr key={`${gap.symbol} ${gap.interval} ${gap.source} ${gap.from}`}>
                <th scope="row">
                  <Link href={`/?symbol=${segment(gap.symbol)}&interval=${gap.interval}`}>
                    <b>{gap.symbol}</b> <span class="soft">{gap.interval}</span>
                  </Link>{" "}
                  <span class="soft small wide">{gap.source}</span>
                </th>
                <td>{barLabel(gap.from, gap.interval)}</td>
                <td class="wide">{barLabel(gap.to, gap.interval)}</td>
                <td class="num">{count(gap.missing)}</td>
                <td>
                  <span class={`badge ${gap.state === "filled" ? "good" : ""}`}>{gap.state}</span>
                </td>
                <td class="wide soft">{gap.cause.replaceAll("_", " ")}</td>
                <td class="num wide">{count(gap.attempts)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <More hidden={page.items.length - GAPS_SHOWN} all={all} onToggle={() => setAll((a) => !a)} />
      {all && page.next && <p class="soft small">These are the newest {count(page.items.length)}. All of them: GET /api/v1/market/gaps.</p>}
    </>
  );
}

/** Of a list that shows its newest: the others, where there are any. */
function More({ hidden, all, onToggle }: { hidden: number; all: boolean; onToggle: () => void }) {
  if (hidden <= 0) return null;
  return (
    <button type="button" class="button small" aria-expanded={all} onClick={onToggle}>
      {all ? "Only the newest" : `Show ${count(hidden)} more`}
    </button>
  );
}

const RULINGS: Record<Quarantined["state"], string> = { refused: "bad", held: "warn", released: "good", rejected: "bad" };

function QuarantineTable({ items, onChange }: { items: readonly Quarantined[]; onChange: () => void }) {
  const [all, setAll] = useState(false);
  const shown = all ? items : items.slice(0, GAPS_SHOWN);
  return (
    <>
      <Scroll label="Table of quarantine">
        <table>
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col">Bar</th>
              <th scope="col">State</th>
              <th scope="col">Why</th>
              <th scope="col" class="wide">
                What the source said
              </th>
              <th scope="col">
                <span class="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((item) => (
              <tr key={item.id}>
                <th scope="row">
                  <Link href={`/?symbol=${segment(item.symbol)}&interval=${item.interval}`}>
                    <b>{item.symbol}</b> <span class="soft">{item.interval}</span>
                  </Link>{" "}
                  <span class="soft small wide">{item.source}</span>
                </th>
                <td>{Number.isNaN(Date.parse(item.start)) ? item.start : barLabel(item.start, item.interval)}</td>
                <td>
                  <span class={`badge ${RULINGS[item.state]}`} title={item.note ?? undefined}>
                    {item.state}
                  </span>
                </td>
                <td class="soft error-said">{item.reason.replaceAll("_", " ")}</td>
                <td class="wide small">
                  <code>{Object.entries(item.row as Record<string, unknown>).map(([name, value]) => `${name} ${String(value)}`).join(" ")}</code>
                </td>
                <td>
                  {(item.state === "held" || item.state === "refused") && (
                    <ActButton path={`/market/quarantine/${item.id}/release`} of={`${item.symbol} ${item.start}`} after={() => (onChange(), "Released")}>
                      Release
                    </ActButton>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <More hidden={items.length - GAPS_SHOWN} all={all} onToggle={() => setAll((a) => !a)} />
    </>
  );
}
