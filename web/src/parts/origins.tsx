// Where this instrument's data come from, when its market is open, and what else it is called.
import type { SymbolDetail } from "../api/types";
import { count } from "../format/numbers";
import { barLabelShort, intervalName } from "../format/time";
import { Scroll } from "./bits";
import { sourceName } from "./provenance";

const DELAYS: Record<string, string> = { realtime: "real time", delayed_15m: "15 min late", eod: "end of day", monthly: "monthly" };

export function Origins({ detail, asOf }: { detail: SymbolDetail; asOf: string | null }) {
  const kept = detail.sources.filter((source) => source.bars > 0);
  const others = [...new Set(detail.sources.filter((source) => source.bars === 0).map((source) => sourceName(source.source)))];
  return (
    <section class="card measure" id="origins" aria-labelledby="origins-title">
      <header>
        <h3 id="origins-title">Market and sources</h3>
        {!asOf && <p class={`badge ${detail.session_open ? "good" : ""}`}>{detail.session_open ? "open now" : "closed now"}</p>}
      </header>
      <p class="soft small">
        Calendar {detail.calendar}, quoted in {detail.currency}, in steps of {detail.tick}.{detail.aliases.length > 0 && ` Also called ${detail.aliases.slice(0, 6).join(", ")}.`}
      </p>
      <Scroll label="Sources of this instrument">
        <table>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Bars</th>
              <th scope="col">From</th>
              {!asOf && <th scope="col">To</th>}
              <th scope="col">Published</th>
            </tr>
          </thead>
          <tbody>
            {kept.map((source) => (
              <tr key={`${source.source} ${source.interval}`}>
                <th scope="row" title={`${source.origin}${source.derived ? `: ${source.derived}` : ""}`}>
                  {sourceName(source.source)}
                </th>
                <td title={intervalName(source.interval)}>
                  {asOf ? source.interval : `${count(source.bars)} of ${source.interval}`}
                </td>
                <td>{source.first ? barLabelShort(source.first, source.interval) : "–"}</td>
                {!asOf && <td>{source.last ? barLabelShort(source.last, source.interval) : "–"}</td>}
                <td>{DELAYS[source.delay] ?? source.delay}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {others.length > 0 && <p class="soft small">Known, with nothing kept here yet: {others.join(", ")}.</p>}
    </section>
  );
}
