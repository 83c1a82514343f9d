// The page's one live connection: `subscribe(topic, handler)`. What arrives is handed on together, before a frame is drawn.
import { batch, effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiFailure, post } from "../api/client";
import { apiKey, refused } from "../api/key";
import { Line, KeyRefused, type Ears, type LineState, type Wire } from "./line";
import { connection, epoch } from "./server";
import type { Handler, Meta } from "./topics";
import { Waiting, WAITING_MAX } from "./waiting";

export type { Meta } from "./topics";

const PATH = "/api/v1/stream/ws";
const PROTOCOL = "truecast.v1";
const HIDDEN_MS = 60_000; // a page in the background keeps its connection this long
const HIDDEN_FLUSH_MS = 1_000;
const FLUSH_MS = 200; // after a quiet while the next frame; else nobody reads faster, and every redraw costs

export const streamState = signal<LineState>({ state: "idle" });

const waiting = new Waiting();
let scheduled = false;
let flushedAt = -FLUSH_MS;

const line = new Line({
  connect,
  ticket,
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  reachable: () => connection.peek().state === "up",
  // The page has no random numbers; when it was opened, to the microsecond, spreads those who come back just as well.
  random: () => ((performance.timeOrigin * 1_000 + performance.now()) % 997) / 997,
  now: () => performance.now(),
  deliver: (all) => {
    for (const one of all) waiting.put(one);
    if (waiting.size >= WAITING_MAX) flush();
    if (scheduled || waiting.size === 0) return;
    scheduled = true;
    if (document.hidden) setTimeout(flush, HIDDEN_FLUSH_MS);
    else setTimeout(() => requestAnimationFrame(flush), flushedAt + FLUSH_MS - performance.now());
  },
  tell: (state) => {
    streamState.value = state;
    if (state.state === "refused" && apiKey.peek() !== null) refused.value = "key_refused"; // the whole page asks for another
  },
});

/**
 * Follow a topic of docs/streaming.md; returns how to stop. The handler gets the data of a message, or null where `meta.kind`
 * says what happened instead, see `Meta`. One WebSocket serves everybody.
 */
export function subscribe<T>(topic: string, handler: (data: T | null, meta: Meta) => void): () => void {
  return line.subscribe(topic, handler as Handler);
}

/** Whether all these topics come by themselves at the moment, so that nobody needs to ask. */
export function covers(topics: readonly string[]): boolean {
  return topics.length > 0 && topics.every((topic) => line.covers(topic));
}

/** Follow topics while a component is shown. `handler` may change without a new subscription. */
export function useStream<T>(topics: readonly string[], handler: (data: T | null, meta: Meta) => void): void {
  const latest = useRef(handler);
  latest.current = handler;
  const key = topics.join(" ");
  useEffect(() => {
    const leaves = key ? key.split(" ").map((topic) => subscribe<T>(topic, (data, meta) => latest.current(data, meta))) : [];
    return () => leaves.forEach((leave) => leave());
  }, [key]);
}

function flush(): void {
  scheduled = false; // a flush that was scheduled before finds less to do, or nothing
  flushedAt = performance.now();
  const all = waiting.take();
  batch(() => {
    for (const { handlers, data, meta } of all) {
      for (const handler of handlers) {
        try {
          handler(data, meta);
        } catch (error) {
          console.error(error); // one listener that stumbles must not silence the others
        }
      }
    }
  });
}

function connect(ticketText: string | null, ears: Ears): Wire {
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + PATH, ticketText === null ? [PROTOCOL] : [PROTOCOL, `truecast.ticket.${ticketText}`]);
  socket.onopen = () => ears.onOpen();
  socket.onmessage = (event) => ears.onText(String(event.data));
  socket.onclose = (event) => ears.onClose(event.code, event.reason);
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: (code, reason) => socket.close(code, reason),
  };
}

/** Browsers can set no header on a WebSocket, and a key in an address would be kept in logs. */
async function ticket(): Promise<string | null> {
  if (apiKey.peek() === null) return null;
  try {
    return (await post<{ ticket: string }>("/stream/ticket", {})).ticket;
  } catch (error) {
    if (error instanceof ApiFailure && (error.problem.status === 401 || error.problem.status === 403)) throw new KeyRefused(error.problem.code);
    throw error;
  }
}

function watch(): void {
  let hiding: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => line.pause(), HIDDEN_MS);
    else line.wake();
  });
  addEventListener("online", () => line.retry());
  let [key, known] = [apiKey.peek(), epoch.peek()];
  effect(() => {
    const [nowKey, nowKnown] = [apiKey.value, epoch.value];
    if (nowKey !== key) line.rekey();
    else if (nowKnown !== known) line.retry(); // the server was away and is back
    [key, known] = [nowKey, nowKnown];
  });
}

watch();
