// The forecast that is shown: made and sealed now; in the past the one that stood in the ledger, or one made again that says so.
import { get, post } from "../api/client";
import type { Forecast, Forecasts } from "../api/types";
import { askedSteps, SHOWN_LEVELS } from "../chart/series";
import { useResource, type Resource } from "./resource";
import { info } from "./server";
import type { View } from "./url";

interface Wanted {
  symbol: string | null;
  interval: string | null;
  /** The last closed bar that is shown: a new one brings a new forecast. */
  last: string | null;
  /** Whether the data ended long ago. */
  over: boolean;
  view: View;
}

export interface Shown {
  forecast: Resource<Forecast>;
  /** Whose record belongs to it, `auto` where several served together; null until a forecast says which. */
  served: string | null;
  reload: () => void;
}

export function useForecast({ symbol, interval, last, over, view }: Wanted): Shown {
  const { model, horizon, asOf, again } = view;
  const asked = askedSteps(horizon);
  const series = symbol && interval && last ? `${symbol} ${interval} ${model}` : null;
  const question = { symbol, interval, horizon: asked, model, levels: SHOWN_LEVELS };
  // A forecast stands on the last closed bar: ask again when there is a new one, not on a timer.
  const key = series && (asOf ? `forecast ${series} as of ${asOf} ${again ? asked : ""}` : `forecast ${series} ${asked} ${last}`);
  const forecast = useResource<Forecast | null>(
    key,
    (signal) => {
      if (asOf && !again) return issuedBy(symbol ?? "", interval ?? "", model, asOf, signal);
      // Nothing can come of a forecast on data that ended long ago: asked as of now it is shown, but not sealed.
      const moment = asOf ?? (over ? info.peek()?.clock.now : undefined);
      return post("/forecasts", moment ? { ...question, as_of: moment } : question, signal);
    },
    { keep: asOf === null },
  );
  // `auto` has no record of its own: the record shown is that of the model which served.
  const served = forecast.error || model !== "auto" ? model : (forecast.data?.model ?? null);
  return { forecast: forecast as Resource<Forecast>, served, reload: forecast.reload };
}

/** What the ledger held at that moment. Of `auto` what it served there, by what was known then. */
async function issuedBy(symbol: string, interval: string, model: string, asOf: string, signal: AbortSignal): Promise<Forecast | null> {
  const { items } = await get<Forecasts>("/forecasts", { symbols: symbol, interval, model, as_of: asOf }, signal);
  return items[0] ?? null;
}
