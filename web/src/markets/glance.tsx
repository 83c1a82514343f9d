// At a glance: who rose and who fell, and which markets are open; counted from the rows, so that it moves with them.
import { useRef } from "preact/hooks";
import { get, segment } from "../api/client";
import type { MarketClass, MarketSummary, SymbolItem } from "../api/types";
import { count } from "../format/numbers";
import { age } from "../format/time";
import { When } from "../parts/bits";
import { Link } from "../parts/link";
import { className } from "../parts/search";
import { useResource } from "../state/resource";
import { info, serverNow, tick as clockTick } from "../state/server";
import type { Board } from "./board";
import { Change } from "./cells";
import { glance, type MarketRow } from "./rows";

const HOURS_MS = 600_000; // sessions are asked for again when one begins or ends, and at the latest after this

export function AtAGlance({ board, items, classes }: { board: Board; items: readonly SymbolItem[]; classes: readonly string[] }) {
  void clockTick.value;
  const last = useRef<MarketSummary | null>(null);
  const hours = useResource<MarketSummary>(items.length ? "summary" : null, (signal) => get("/market/summary", {}, signal), { everyMs: () => untilNext(last.current), keep: true });
  last.current = hours.data;
  const sessions = new Map<string, MarketClass["sessions"]>(hours.data?.classes.map((one) => [one.asset_class, one.sessions]));
  const all = glance(items.map((item) => board.row(item)), classes).filter((one) => one.up + one.down + one.level + one.stale > 0);
  if (all.length === 0) return null;
  return (
    <ul class="glance" aria-label="At a glance">
      {all.map((one) => (
        <li key={one.asset_class} class="card" data-class={one.asset_class}>
          <h2>{className(one.asset_class)}</h2>
          <p>
            <span class="up">{count(one.up)} up</span> · <span class="down">{count(one.down)} down</span>
            {one.level > 0 && <span class="soft"> · {count(one.level)} level</span>}
            {one.stale > 0 && <span class="soft"> · {count(one.stale)} stale</span>}
          </p>
          <Mover of={one.rise} />
          <Mover of={one.fall} />
          <Sessions of={sessions.get(one.asset_class) ?? []} />
        </li>
      ))}
    </ul>
  );
}

function Mover({ of }: { of: MarketRow | null }) {
  if (of?.quote?.change_pct == null) return null;
  return (
    <p class="mover">
      <Link href={`/?symbol=${segment(of.symbol)}`}>{of.symbol}</Link>{" "}
      <span title={`${of.quote.provenance.origin}, ${age((serverNow() - Date.parse(of.quote.provenance.as_of)) / 1000)} old`}>
        <Change share={of.quote.change_pct / 100} />
      </span>
    </p>
  );
}

function Sessions({ of }: { of: MarketClass["sessions"] }) {
  const known = of.filter((session) => session.open !== null);
  if (known.length === 0) return null;
  const open = known.filter((session) => session.open).length;
  const next = known.find((session) => session.until !== null)?.until ?? null;
  return (
    <p class="soft small" data-open={open > 0} title={known.map((session) => `${session.calendar} ${session.open ? "open" : "closed"}`).join(", ")}>
      {open === 0 ? "closed" : open === known.length ? "open" : `${open} of ${known.length} open`}
      {next && known.length === 1 && (
        <>
          {" "}
          until <When iso={next} />
        </>
      )}
    </p>
  );
}

/** Until the next session begins or ends by the server's clock, which runs faster in a replay. */
function untilNext(summary: MarketSummary | null): number {
  const clock = info.peek()?.clock;
  const speed = clock?.kind === "replay" ? (clock.speed ?? 1) : 1;
  const times = summary?.classes.flatMap((one) => one.sessions.flatMap((session) => (session.until ? [Date.parse(session.until)] : []))) ?? [];
  const next = Math.min(...times.map((at) => (at - serverNow()) / speed), HOURS_MS);
  return Math.max(1_000, next + 500);
}
