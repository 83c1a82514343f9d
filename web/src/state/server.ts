// The server's heartbeat: is it there, is it ready, and what time does it say it is (a replay lives in another year).
import { computed, signal } from "@preact/signals";
import { ApiFailure, get } from "../api/client";
import type { Info } from "../api/types";

export type Connection =
  | { state: "connecting" }
  | { state: "up" }
  | { state: "down"; retryAt: number; reason: string };

export const info = signal<Info | null>(null);
export const connection = signal<Connection>({ state: "connecting" });
/** Counts reconnections: whoever shows data asks again when it changes. */
export const epoch = signal(0);
/** Local time, once a second, for ages and countdowns. */
export const tick = signal(Date.now());

export const replaying = computed(() => info.value !== null && info.value.clock.kind !== "system");
export const ready = computed(() => info.value?.ready ?? false);

const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 15_000;

let heard = { server: Date.now(), local: performance.now() };
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** The server's present, in milliseconds, carried forward from its last answer at its own speed. */
export function serverNow(): number {
  const clock = info.peek()?.clock;
  if (!clock || clock.kind === "fixed") return heard.server;
  const speed = clock.kind === "replay" ? (clock.speed ?? 1) : 1;
  // A replay never runs ahead of its work, so it is not extrapolated beyond two heartbeats.
  const passed = Math.min(performance.now() - heard.local, 2 * heartbeatMs());
  return heard.server + passed * speed;
}

/** How often to ask for what may change, in milliseconds: a replay moves fast, the market does not. */
export function pollMs(): number {
  return replaying.peek() ? 1_000 : 15_000;
}

/** The same for what changes slowly and is dear to compute. */
export function slowPollMs(): number {
  return 8 * pollMs();
}

function heartbeatMs(): number {
  const now = info.peek();
  if (!now || !now.ready || now.loading) return 500;
  return now.clock.kind === "replay" ? 1_000 : 5_000;
}

export async function beat(): Promise<void> {
  clearTimeout(timer);
  try {
    const answer = await get<Info>("/info");
    heard = { server: Date.parse(answer.clock.now), local: performance.now() };
    const before = connection.peek().state;
    info.value = answer;
    failures = 0;
    if (before !== "up") {
      connection.value = { state: "up" };
      if (before === "down") epoch.value += 1;
    }
    timer = setTimeout(beat, document.hidden ? RETRY_LAST_MS : heartbeatMs());
  } catch (error) {
    failures += 1;
    const failure = error instanceof ApiFailure ? error : null;
    const backoff = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** (failures - 1));
    const waitMs = failure?.retryAfterS ? failure.retryAfterS * 1000 : backoff;
    // One lost heartbeat is a hiccup; before the first answer, or after two, say so.
    if (failures > 1 || info.peek() === null) {
      connection.value = { state: "down", retryAt: Date.now() + waitMs, reason: failure?.problem.detail ?? String(error) };
    }
    timer = setTimeout(beat, waitMs);
  }
}

export function startHeartbeat(): void {
  void beat();
  setInterval(() => {
    if (!document.hidden) tick.value = Date.now();
  }, 1_000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void beat();
  });
}
