// One connection for everything that is followed: comes back by itself, goes on without a hole, tells nothing twice. Pure:
// sockets, timers and chance are given to it. The protocol is docs/streaming.md.
import { Topics, type Delivery, type Handler, type Joined } from "./topics";

export interface Wire {
  send(text: string): void;
  close(code: number, reason: string): void;
}

/** What the wire says back. */
export interface Ears {
  onOpen(): void;
  onText(text: string): void;
  onClose(code: number, reason: string): void;
}

export interface World {
  connect(ticket: string | null, ears: Ears): Wire;
  /** A ticket where there is a key, null where none is needed. Throws what the server said. */
  ticket(): Promise<string | null>;
  /** Calls back once; returns how to call it off. */
  later(ms: number, call: () => void): () => void;
  /** Whether the server answers plain requests: then it is not the server that is away. */
  reachable(): boolean;
  random(): number;
  now(): number;
  /** What came goes to those who listen, all at once, when it can be shown. */
  deliver(all: readonly Delivery[]): void;
  tell(state: LineState): void;
}

/**
 * `polling`: WebSockets do not get through, e.g. because of a proxy; pages ask by themselves, and now and then it is tried
 * again. `paused`: nobody looks. `refused`: the key is not good any more.
 */
export type LineState =
  | { state: "idle" | "connecting" | "live" | "polling" | "paused" }
  | { state: "reconnecting"; retryAt: number; reason: string }
  | { state: "refused"; reason: string };

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_LAST_MS = 15_000;
export const POLLING_AFTER = 3; // attempts in a row that did not last, while plain requests are answered
export const POLLING_RETRY_MS = 60_000;
export const SETTLED_MS = 10_000; // a connection that lasted so long was a good one
const OPEN_MS = 10_000; // for a connection to come about
const GATHER_MS = 30; // what a page subscribes to in one go is asked for in one message
const QUOTE_PACE_S = 0.25; // nobody reads faster

const REASONS: Record<string, string> = {
  server_restarts: "The server restarts",
  slow_consumer: "This page fell behind",
  stream_rate_exceeded: "This page asked too much at once",
  too_many_streams: "The server has too many streams open",
  key_refused: "The key has expired or was revoked",
  key_missing: "The server asks for a key",
  scope_missing: "The key may not read",
};
const REFUSALS = new Set(["key_refused", "key_missing", "scope_missing"]);
const CODES: Record<number, string> = { 1012: "server_restarts", 4001: "key_refused", 4003: "scope_missing", 4008: "slow_consumer", 4029: "stream_rate_exceeded" };

/** Thrown by `World.ticket` where the server wants another key. */
export class KeyRefused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

interface Event_ {
  event: string;
  [fact: string]: unknown;
}

export class Line {
  readonly #world: World;
  readonly #topics: Topics;
  #wire: Wire | null = null;
  #attempt = 0; // which connection is ours: what an older one says counts no more
  #failures = 0;
  #spoken = false; // whether this connection has said a word
  #openedAt = 0;
  #heardAt = 0;
  #heartbeatMs = 15_000;
  #paused = false;
  #refused = false;
  #last: { code: string; retryAfterS: number | null } | null = null;
  #timer: () => void = () => undefined;
  #gathering: (() => void) | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#topics = new Topics((all) => world.deliver(all));
  }

  /** Follow a topic; returns how to stop. */
  subscribe(topic: string, handler: Handler): () => void {
    const leave = this.#topics.add(topic, handler);
    this.#gather();
    let left = false;
    return () => {
      if (left) return;
      left = true;
      leave();
      this.#gather();
    };
  }

  /** Whether every message of the topic comes by itself at the moment. */
  covers(topic: string): boolean {
    return this.#spoken && this.#topics.covers(topic);
  }

  /** Nobody looks: the connection is given up, the places are kept. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#hangUp("nobody looks");
    this.#world.tell({ state: "paused" });
  }

  wake(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.retry();
  }

  /** Something has changed (the key, the network, the server is back): try again at once. */
  retry(): void {
    this.#refused = false;
    this.#failures = 0;
    if (this.#wire && this.#spoken) return;
    this.#hangUp("again");
    this.#start();
  }

  /** With another key everything is asked for anew. */
  rekey(): void {
    this.#hangUp("another key");
    this.retry();
  }

  #gather(): void {
    this.#gathering ??= this.#world.later(GATHER_MS, () => {
      this.#gathering = null;
      if (this.#spoken) this.#say();
      else if (!this.#wire) this.#start();
    });
  }

  #start(): void {
    if (this.#wire || this.#paused || this.#refused || this.#topics.size === 0) {
      if (this.#topics.size === 0 && !this.#paused && !this.#refused) this.#world.tell({ state: "idle" });
      return;
    }
    this.#timer();
    this.#attempt += 1;
    const mine = this.#attempt;
    if (this.#failures === 0) this.#world.tell({ state: "connecting" });
    this.#wire = NOWHERE;
    this.#world
      .ticket()
      .then((ticket) => mine === this.#attempt && this.#dial(ticket, mine))
      .catch((error: unknown) => mine === this.#attempt && this.#noTicket(error));
  }

  #dial(ticket: string | null, mine: number): void {
    const current = (): boolean => mine === this.#attempt;
    this.#spoken = false;
    this.#last = null;
    this.#timer = this.#world.later(OPEN_MS, () => this.#lost(1006, "no answer"));
    this.#wire = this.#world.connect(ticket, {
      onOpen: () => undefined, // the server speaks first
      onText: (text) => current() && this.#hear(text),
      onClose: (code, reason) => current() && this.#lost(code, reason),
    });
  }

  #noTicket(error: unknown): void {
    if (error instanceof KeyRefused) this.#refuse(error.code);
    else this.#lost(1006, "no ticket");
  }

  #hear(text: string): void {
    this.#heardAt = this.#world.now();
    const said = JSON.parse(text) as Record<string, unknown>;
    if (typeof said["event"] === "string") this.#event(said as Event_);
    else if (typeof said["topic"] === "string") this.#topics.take(said as never);
  }

  #event(said: Event_): void {
    switch (said.event) {
      case "welcome":
        this.#begin(said);
        break;
      case "subscribed":
        this.#topics.joined((said["topics"] ?? []) as Joined[], (said["errors"] ?? []) as { topic: string; code: string }[]);
        break;
      case "reset":
        this.#topics.reset(said as never);
        break;
      case "restart":
      case "closing":
        this.#last = { code: String(said["code"] ?? "closing"), retryAfterS: Number(said["retry_after_s"] ?? 0) || null };
        break;
      case "error":
        if (said["code"] === "stream_rate_exceeded" || said["code"] === "too_many_subscriptions") console.warn(said["detail"]);
        break;
    }
  }

  #begin(welcome: Event_): void {
    this.#spoken = true;
    this.#openedAt = this.#world.now();
    this.#heartbeatMs = Number(welcome["heartbeat_s"] ?? 15) * 1_000;
    this.#topics.limit = Number(welcome["subscriptions_max"] ?? 256);
    this.#world.tell({ state: "live" });
    this.#say();
    this.#timer();
    this.#timer = this.#world.later(this.#heartbeatMs, () => this.#listen());
  }

  /** A connection that says nothing for two heartbeats and a half is dead, whatever the network believes. */
  #listen(): void {
    if (this.#world.now() - this.#heardAt > 2.5 * this.#heartbeatMs) this.#lost(1006, "silence");
    else this.#timer = this.#world.later(this.#heartbeatMs, () => this.#listen());
  }

  /** Ask for what is new, leave what nobody wants any more. */
  #say(): void {
    const leaving = this.#topics.leaving();
    if (leaving.length) this.#wire?.send(JSON.stringify({ action: "unsubscribe", topics: leaving }));
    const { topics, since } = this.#topics.joining();
    const quotes = topics.filter((topic) => topic.startsWith("quotes:"));
    const others = topics.filter((topic) => !topic.startsWith("quotes:"));
    const places = (of: string[]): Record<string, [string, number]> => Object.fromEntries(of.flatMap((topic) => (since[topic] ? [[topic, since[topic]]] : [])));
    if (others.length) this.#wire?.send(JSON.stringify({ action: "subscribe", topics: others, since: places(others) }));
    if (quotes.length) this.#wire?.send(JSON.stringify({ action: "subscribe", topics: quotes, since: places(quotes), interval_s: QUOTE_PACE_S }));
    if (this.#topics.size === 0) {
      this.#hangUp("nothing to follow");
      this.#world.tell({ state: "idle" });
    }
  }

  #lost(code: number, reason: string): void {
    const why = this.#last?.code ?? CODES[code] ?? reason;
    const retryAfterS = this.#last?.retryAfterS ?? null;
    const settled = this.#spoken && this.#world.now() - this.#openedAt >= SETTLED_MS;
    this.#hangUp("lost");
    if (REFUSALS.has(why)) return this.#refuse(why);
    this.#failures = settled ? 1 : this.#failures + 1;
    const blocked = this.#failures >= POLLING_AFTER && this.#world.reachable();
    const waitMs = blocked ? POLLING_RETRY_MS : retryAfterS !== null ? retryAfterS * 1_000 : this.#backoffMs();
    if (blocked) this.#world.tell({ state: "polling" });
    else this.#world.tell({ state: "reconnecting", retryAt: this.#world.now() + waitMs, reason: REASONS[why] ?? "The connection was lost" });
    this.#timer = this.#world.later(waitMs, () => this.#start());
  }

  #backoffMs(): number {
    const whole = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** (this.#failures - 1));
    return whole * (0.5 + this.#world.random() / 2);
  }

  #refuse(code: string): void {
    this.#hangUp("refused");
    this.#refused = true;
    this.#world.tell({ state: "refused", reason: REASONS[code] ?? code });
  }

  #hangUp(reason: string): void {
    this.#timer();
    this.#timer = () => undefined;
    this.#attempt += 1;
    const wire = this.#wire;
    this.#wire = null;
    this.#spoken = false;
    this.#topics.parted();
    wire?.close(1000, reason);
  }
}

const NOWHERE: Wire = { send: () => undefined, close: () => undefined }; // while a ticket is asked for
