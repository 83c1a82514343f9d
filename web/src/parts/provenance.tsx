// Where a number is from, of when it is, and how old: on every number that matters.
import type { ComponentChildren } from "preact";
import type { Provenance } from "../api/types";
import { age, moment } from "../format/time";
import { serverNow, tick } from "../state/server";
import { Details, Facts, When } from "./bits";
import { ClockIcon } from "./icons";

const DELAYS: Record<string, string> = {
  realtime: "real time",
  delayed_15m: "15 min delayed",
  eod: "end of day",
  monthly: "monthly",
};
const SOURCES: Record<string, string> = { ecb: "ECB", sample: "Sample data", csv: "Imported", csv_folder: "Imported" };

export function sourceName(key: string): string {
  return SOURCES[key] ?? key;
}

/** From where, of when, how old. */
export function provenanceFacts(of: Provenance): [string, ComponentChildren][] {
  const old = age((serverNow() - Date.parse(of.as_of)) / 1000);
  return [
    ["Origin", of.origin],
    ["Source", sourceName(of.source)],
    ["As of", <When iso={of.as_of} />],
    ["Received", <When iso={of.received_at} />],
    ["Age", `${old}${of.stale ? ", older than this instrument should be" : ""}`],
    ["Published", DELAYS[of.delay] ?? of.delay],
    ...(of.derived ? ([["Derived", of.derived]] as [string, string][]) : []),
  ];
}

export function ProvenanceBadge({ of }: { of: Provenance }) {
  void tick.value; // ages grow while the page is open
  const old = age((serverNow() - Date.parse(of.as_of)) / 1000);
  return (
    <Details
      kind={of.stale ? "stale" : "fresh"}
      label={`Source ${sourceName(of.source)}, as of ${moment(of.as_of)}, ${old} old${of.stale ? ", stale" : ""}`}
      summary={
        <>
          {of.stale ? <ClockIcon /> : <i class="dot" aria-hidden="true" />}
          <span>
            <span class="sr-only">Source </span>
            {sourceName(of.source)}
          </span>
          <span class="soft">{of.stale ? `Stale · ${old} old` : `${old} old`}</span>
        </>
      }
    >
      <Facts rows={provenanceFacts(of)} />
      {of.stale && <p class="sheet-note">Nothing newer has come from this source. The forecast below starts from this value.</p>}
    </Details>
  );
}
