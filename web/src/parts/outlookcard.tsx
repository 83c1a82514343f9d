// The forecast beside the chart: in words and numbers, or why there is none and what to do about it.
import type { Forecast, PerformanceRow, SymbolDetail } from "../api/types";
import type { Resource } from "../state/resource";
import type { View } from "../state/url";
import { show } from "../state/view";
import { moment } from "../format/time";
import { Failure } from "./failure";
import { modelName } from "./models";
import { Outlook, OutlookBones } from "./outlook";

interface Props {
  forecast: Resource<Forecast>;
  fan: Forecast | null;
  view: View;
  detail: SymbolDetail | null;
  /** There are no prices to forecast from. */
  nothing: boolean;
  busy: boolean;
  tested: PerformanceRow | null;
}

export function OutlookCard({ forecast, fan, view, detail, nothing, busy, tested }: Props) {
  const { asOf, again, level, model } = view;
  if (forecast.error) {
    return (
      <section class="card outlook">
        <Failure error={forecast.error} onRetry={forecast.reload} of="the forecast" level={2} />
      </section>
    );
  }
  if (fan && detail) {
    const source = asOf === null ? null : again ? "recomputed" : "ledger";
    return <Outlook forecast={fan} level={level} calendar={detail.calendar} busy={busy} tested={tested} source={source} onLevel={(wanted) => show({ level: wanted })} />;
  }
  if (nothing) {
    return (
      <section class="card outlook">
        <p class="nothing soft">No prices, so no forecast.</p>
      </section>
    );
  }
  if (asOf && !again && !forecast.busy) {
    return (
      <section class="card outlook" aria-labelledby="outlook-title">
        <h2 id="outlook-title">No forecast had been issued</h2>
        <p class="soft">
          By {moment(asOf)} the ledger held none of {detail?.symbol ?? "this"}
          {model === "auto" ? "" : ` by ${modelName(model)}`} at this interval.
        </p>
        <p>
          <button type="button" class="button" onClick={() => show({ again: true })}>
            Compute what would have been said
          </button>
        </p>
        <p class="soft small">From what was known then, by today's models as they stood then. It will say that it is not from the ledger.</p>
      </section>
    );
  }
  return <OutlookBones />;
}
