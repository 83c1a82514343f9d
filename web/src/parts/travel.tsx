// The time machine: what was known, and what was forecast, at a moment in the past. Nothing that came later is shown.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Candles, SymbolDetail } from "../api/types";
import { chosenZone } from "../format/choice";
import { moment, momentUtc } from "../format/time";
import { fromLocalInput, stepBack, stepForward, toLocalInput, windowAfter, type Ended } from "../state/moments";
import { serverNow } from "../state/server";
import { isoOf } from "../state/url";
import { ClockIcon } from "./icons";

interface Props {
  detail: SymbolDetail;
  interval: string;
  asOf: string | null;
  bars: readonly Ended[];
  onTravel: (asOf: string | null) => void;
}

/** The way into the past, among what is chosen for the chart. */
export function TravelButton({ detail, interval, bars, onTravel }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector("input")?.focus();
    const away = (event: Event): void => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  return (
    <div class="field travel" ref={root}>
      <span>Time machine</span>
      <button type="button" class="select-button" aria-expanded={open} onClick={() => setOpen((now) => !now)}>
        <ClockIcon /> As known now
      </button>
      {open && (
        <form
          class="sheet travel-sheet"
          onSubmit={(event) => {
            event.preventDefault();
            const asOf = fromLocalInput(String(new FormData(event.currentTarget).get("moment") ?? ""), chosenZone());
            if (asOf) onTravel(asOf);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            setOpen(false);
            root.current?.querySelector("button")?.focus();
          }}
        >
          <Moment initial={stepBack(bars, null) ?? isoOf(serverNow())} first={firstOf(detail, interval)} />
          <button type="submit" class="button primary">
            Go there
          </button>
          <p class="soft small">Candles, forecasts and outcomes as they were known then. Forecasts come from the ledger, they are not made again.</p>
        </form>
      )}
    </div>
  );
}

/** The banner while in the past. */
export function TravelBanner({ detail, interval, asOf, bars, onTravel }: Props & { asOf: string }) {
  const [ahead, setAhead] = useState<string | null>(null);
  const [looked, setLooked] = useState("");
  const latest = useRef(asOf);
  latest.current = asOf;
  // When the next bar ended is no secret of the market: only its end is read, and only to go there.
  useEffect(() => {
    const abort = new AbortController();
    get<Candles>(`/prices/${segment(detail.symbol)}/candles`, { interval, ...windowAfter(asOf, interval) }, abort.signal)
      .then((found) => {
        setAhead(stepForward(found.candles, asOf, serverNow()));
        setLooked(asOf);
      })
      .catch(() => setLooked(asOf));
    return () => abort.abort();
  }, [detail.symbol, interval, asOf]);
  const back = stepBack(bars, asOf);
  return (
    <section class="banner past" aria-label="Time machine" data-as-of={asOf}>
      <ClockIcon />
      <p role="status">
        <b>
          As known at{" "}
          <time dateTime={asOf} title={momentUtc(asOf)}>
            {moment(asOf)}
          </time>
        </b>{" "}
        <span class="soft wide">Nothing that came later is shown.</span>
      </p>
      <div class="travel-steps">
        <button type="button" class="button small" disabled={back === null} onClick={() => back && onTravel(back)} aria-label="One bar back">
          <span aria-hidden="true">◂</span> Bar
        </button>
        <button type="button" class="button small" disabled={looked !== asOf || ahead === null} onClick={() => ahead && onTravel(ahead)} aria-label="One bar forward">
          Bar <span aria-hidden="true">▸</span>
        </button>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = fromLocalInput(String(new FormData(event.currentTarget).get("moment") ?? ""), chosenZone());
          if (wanted && wanted !== latest.current) onTravel(wanted);
        }}
      >
        <Moment key={asOf} initial={asOf} first={firstOf(detail, interval)} />
        <button type="submit" class="button small">
          Go
        </button>
      </form>
      <button type="button" class="button small primary" onClick={() => onTravel(null)}>
        Back to now
      </button>
    </section>
  );
}

function Moment({ initial, first }: { initial: string; first: string | null }) {
  const zone = chosenZone();
  return (
    <label class="moment">
      <span class="sr-only">Date and time, {zone ?? "your local time"}</span>
      <input type="datetime-local" name="moment" required defaultValue={toLocalInput(initial, zone)} min={first ? toLocalInput(first, zone) : undefined} max={toLocalInput(isoOf(serverNow()), zone)} />
    </label>
  );
}

/** When the first bar began: earlier there is nothing to know. */
function firstOf(detail: SymbolDetail, interval: string): string | null {
  const firsts = detail.sources.filter((source) => source.interval === interval || !detail.sources.some((one) => one.interval === interval)).flatMap((source) => source.first ?? []);
  return firsts.sort()[0] ?? null;
}
