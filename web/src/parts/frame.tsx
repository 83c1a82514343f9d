// What surrounds every view: replay banner, connection banner, top bar, quick picks, footer.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import type { Verification } from "../api/types";
import { count } from "../format/numbers";
import { bannerTime } from "../format/time";
import { useResource } from "../state/resource";
import { beat, connection, info, ready, replaying, serverNow, tick } from "../state/server";
import { streamState } from "../state/stream";
import { nextTheme, theme } from "../state/theme";
import { PAGES, page, type Room } from "../state/place";
import { view } from "../state/view";
import { Details, Facts, When } from "./bits";
import { HelpButton } from "./help";
import { BrokenIcon, Logo, MoonIcon, SealIcon, SunIcon, SystemIcon } from "./icons";
import { Link } from "./link";
import { Search } from "./search";

export const QUICK_PICKS = ["EUR-USD", "USD-JPY", "SPY", "AAPL", "BTC-USDT", "SOL-USDT", "WTI", "^VIX", "US.CPI"];
const ROOMS = Object.keys(PAGES) as Room[];
const VERIFY_MS = 300_000; // the whole chain is recomputed
const VERIFY_FIRST_MS = 1_500; // what the reader came for is asked for before

export function ReplayBanner() {
  void tick.value;
  const clock = info.value?.clock;
  if (!clock || !replaying.value) return null;
  return (
    <div class="banner replay" role="status" aria-live="off">
      <b>{clock.kind === "replay" ? "Replay" : "Fixed clock"}</b>
      <time dateTime={clock.now}>{bannerTime(serverNow())}</time>
      {clock.speed ? (
        <span class="soft">
          {count(Math.round(clock.speed))}×<span class="wide"> real time</span>
        </span>
      ) : null}
      <span class="soft wide">Real past data, shown as it became known. Not today's market.</span>
    </div>
  );
}

export function ConnectionBanner() {
  void tick.value;
  const now = connection.value;
  if (now.state !== "down" || info.value === null) return null;
  const waits = Math.max(0, Math.ceil((now.retryAt - Date.now()) / 1000));
  return (
    <div class="banner down" role="alert">
      <b>Connection lost</b>
      <span>Showing what was last received. {waits > 0 ? `Trying again in ${waits} s.` : "Trying again…"}</span>
      <button type="button" class="button" onClick={() => void beat()}>
        Retry now
      </button>
    </div>
  );
}

export function TopBar() {
  return (
    <header class="topbar">
      <Link class="brand" href="/" aria-label="Truecast, home">
        <Logo />
        <span>Truecast</span>
      </Link>
      <Search />
      <div class="topbar-end">
        <StreamBadge />
        {ready.value && <LedgerBadge />}
        <HelpButton />
        <ThemeButton />
      </div>
    </header>
  );
}

const STREAM_WORDS: Record<string, [word: string, tone: string, meaning: string]> = {
  connecting: ["Connecting", "waiting", "Live updates are about to begin."],
  live: ["Live", "good", "Prices, forecasts and scores come by themselves."],
  reconnecting: ["Reconnecting", "waiting", "Meanwhile the page asks the server now and then."],
  polling: ["Polling", "waiting", "Live updates do not get through, so the page asks now and then. A proxy may be in the way."],
  paused: ["Paused", "", "Nobody was looking; it goes on where it was."],
  refused: ["Not live", "bad", "Enter another key under Settings."],
};

/** Whether what is shown comes by itself. */
function StreamBadge() {
  const now = streamState.value;
  const [word, tone, meaning] = STREAM_WORDS[now.state] ?? [];
  if (!word) return null;
  const reason = "reason" in now ? `${now.reason}. ` : "";
  return (
    <span class={`stream-state ${tone}`} role="status" aria-label={`${word}. ${reason}${meaning}`} data-stream={now.state} title={`${reason}${meaning}`}>
      <i aria-hidden="true" />
      <span>{word}</span>
    </span>
  );
}

function LedgerBadge() {
  const [settled, settle] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => settle(true), VERIFY_FIRST_MS);
    return () => clearTimeout(timer);
  }, []);
  const check = useResource<Verification>(settled ? "ledger" : null, (signal) => get("/ledger/verify", {}, signal), { everyMs: () => VERIFY_MS });
  const found = check.data;
  if (!found) {
    return (
      <span class="details ledger">
        <span class="chip waiting-chip">
          <SealIcon />
          <span>{check.error ? "Ledger not checked" : "Checking ledger"}</span>
        </span>
      </span>
    );
  }
  return (
    <Details
      kind={found.ok ? "ledger" : "ledger broken"}
      label={found.ok ? `Ledger intact, ${found.rows} rows` : `Ledger broken at row ${found.first_broken ?? "?"}`}
      summary={
        <>
          {found.ok ? <SealIcon /> : <BrokenIcon />}
          <span>{found.ok ? "Ledger intact" : "Ledger broken"}</span>
          <span class="soft">
            {count(found.rows)}
            <span class="sr-only"> rows</span>
          </span>
        </>
      }
    >
      <Facts
        rows={[
          ["Chain", found.ok ? "every row matches the one before" : (found.reason ?? "a row does not match")],
          ...(found.ok ? [] : ([["First broken row", count(found.first_broken)]] as [string, string][])),
          ["Rows", count(found.rows)],
          ["Head", <code title={found.head ?? ""}>{found.head?.slice(0, 16) ?? "empty"}</code>],
          ["Checked", <When iso={found.checked_at} />],
        ]}
      />
      <p class="sheet-note">Forecasts and scores are written once, each row hashing the one before. Check it yourself: truecast ledger verify.</p>
    </Details>
  );
}

const THEME_ICONS = { system: SystemIcon, light: SunIcon, dark: MoonIcon };

function ThemeButton() {
  const Shown = THEME_ICONS[theme.value];
  return (
    <button type="button" class="icon-button" onClick={nextTheme} aria-label={`Theme: ${theme.value}. Change`} title={`Theme: ${theme.value}`}>
      <Shown />
    </button>
  );
}

export function Navigation() {
  const here = page.value;
  const rooms = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the page that is shown may stand outside of what fits; the page itself does not move.
    const [nav, link] = [rooms.current, rooms.current?.querySelector<HTMLElement>("[aria-current]")];
    if (nav && link) nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
  }, [here]);
  return (
    <nav class="rooms" aria-label="Pages" ref={rooms}>
      {ROOMS.map((room) => (
        <Link key={room} href={PAGES[room].path} aria-current={here === room || (here === "instrument" && room === "markets") ? "page" : undefined}>
          {PAGES[room].title}
        </Link>
      ))}
    </nav>
  );
}

export function QuickPicks() {
  return (
    <nav class="picks" aria-label="Quick picks">
      {QUICK_PICKS.map((symbol) => (
        <Link key={symbol} href={`/?symbol=${encodeURIComponent(symbol)}`} aria-current={symbol === view.value.symbol ? "page" : undefined}>
          {symbol}
        </Link>
      ))}
    </nav>
  );
}

export function Footer({ origin }: { origin: string | null }) {
  const now = info.value;
  return (
    <footer class="footer">
      {origin && <p>Data: {origin}.</p>}
      <p>
        Forecasts are statements about probability, not advice.{" "}
        <a href="/docs">API</a>
        {now && ` · Truecast ${now.version}`} · Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </p>
    </footer>
  );
}
