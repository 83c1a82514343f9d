import { beforeEach, describe, expect, test } from "vitest";
import { KeyRefused, Line, POLLING_RETRY_MS, type Ears, type LineState } from "../src/state/line";
import type { Delivery } from "../src/state/topics";

/** A server that can be called, cut off and refused, and a clock that is set by hand. */
class FakeWorld {
  now_ = 0;
  up = true;
  ticketText: string | null = null;
  refusal: string | null = null;
  calls: { at: number; call: () => void }[] = [];
  wires: { ticket: string | null; ears: Ears; said: Record<string, unknown>[]; closed: boolean }[] = [];
  states: LineState[] = [];

  line = new Line({
    connect: (ticket, ears) => {
      const wire = { ticket, ears, said: [] as Record<string, unknown>[], closed: false };
      this.wires.push(wire);
      return {
        send: (text) => void wire.said.push(JSON.parse(text) as Record<string, unknown>),
        close: () => void (wire.closed = true),
      };
    },
    ticket: async () => {
      if (this.refusal) throw new KeyRefused(this.refusal);
      return this.ticketText;
    },
    later: (ms, call) => {
      const one = { at: this.now_ + ms, call };
      this.calls.push(one);
      return () => void (this.calls = this.calls.filter((other) => other !== one));
    },
    reachable: () => this.up,
    random: () => 1,
    now: () => this.now_,
    deliver: (all: readonly Delivery[]) => {
      for (const { handlers, data, meta } of all) for (const handler of handlers) handler(data, meta);
    },
    tell: (state) => void this.states.push(state),
  });

  get wire() {
    const last = this.wires.at(-1);
    if (!last) throw new Error("nobody called");
    return last;
  }

  get state(): LineState | undefined {
    return this.states.at(-1);
  }

  async pass(ms: number): Promise<void> {
    const until = this.now_ + ms;
    for (;;) {
      for (let i = 0; i < 4; i += 1) await Promise.resolve(); // tickets are promises
      const next = this.calls.filter((one) => one.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.calls = this.calls.filter((one) => one !== next);
      this.now_ = next.at;
      next.call();
    }
    this.now_ = until;
  }

  say(message: Record<string, unknown>): void {
    this.wire.ears.onText(JSON.stringify(message));
  }

  welcome(max = 256): void {
    this.say({ event: "welcome", heartbeat_s: 15, subscriptions_max: max });
  }

  /** Answers what was asked for last, as a server would that knows nothing of before. */
  join(topic: string, more: Record<string, unknown> = {}): void {
    this.say({ event: "subscribed", topics: [{ topic, asked: topic, epoch: "e1", offset: 0, recovered: false, ...more }], errors: [] });
  }

  message(topic: string, offset: number, more: Record<string, unknown> = {}): void {
    this.say({ topic, epoch: "e1", offset, ts: "2026-01-01T00:00:00Z", data: { n: offset }, ...more });
  }
}

const TOPIC = "scores:SPY";
let world: FakeWorld;
let heard: string[];

beforeEach(() => {
  world = new FakeWorld();
  heard = [];
});

function follow(topic = TOPIC): () => void {
  return world.line.subscribe(topic, (data, meta) => {
    const n = (data as { n: number } | null)?.n;
    heard.push(meta.kind === "message" ? `${n}` : meta.kind === "reload" ? (meta.first ? "begun" : "reload") : `${meta.kind} ${meta.code ?? n}`);
  });
}

async function live(topic = TOPIC): Promise<void> {
  follow(topic);
  await world.pass(100);
  world.welcome();
  world.join(topic);
}

describe("a connection", () => {
  test("is one for everybody, and ends with the last who listens", async () => {
    const first = follow("quotes:SPY");
    const second = follow("quotes:SPY");
    const third = follow("health");
    await world.pass(100);
    world.welcome();
    expect(world.wires).toHaveLength(1);
    expect(world.wire.said).toEqual([
      { action: "subscribe", topics: ["health"], since: {} },
      { action: "subscribe", topics: ["quotes:SPY"], since: {}, interval_s: 0.25 },
    ]);
    first();
    first(); // twice is harmless
    await world.pass(100);
    expect(world.wire.said).toHaveLength(2);
    second();
    await world.pass(100);
    expect(world.wire.said.at(-1)).toEqual({ action: "unsubscribe", topics: ["quotes:SPY"] });
    third();
    await world.pass(100);
    expect(world.wire.closed).toBe(true);
    expect(world.state).toEqual({ state: "idle" });
  });

  test("says what is new to all, and what is known to who comes later", async () => {
    await live("forecasts:SPY");
    world.message("forecasts:SPY", 1);
    follow("forecasts:SPY");
    expect(heard).toEqual(["begun", "1", "begun", "snapshot 1"]);
    world.message("forecasts:SPY", 2);
    expect(heard.slice(4)).toEqual(["2", "2"]);
  });

  test("goes on where it broke off, without a hole and without a duplicate", async () => {
    await live();
    world.message(TOPIC, 1);
    world.message(TOPIC, 2);
    world.wire.ears.onClose(1006, "");
    expect(world.state).toEqual({ state: "reconnecting", retryAt: world.now_ + 500, reason: "The connection was lost" });
    expect(world.line.covers(TOPIC)).toBe(false);
    await world.pass(600);
    world.welcome();
    expect(world.wire.said[0]).toEqual({ action: "subscribe", topics: [TOPIC], since: { [TOPIC]: ["e1", 2] } });
    world.join(TOPIC, { offset: 2, recovered: true });
    world.message(TOPIC, 2);
    world.message(TOPIC, 3);
    expect(heard).toEqual(["begun", "1", "2", "3"]);
    expect(world.line.covers(TOPIC)).toBe(true);
  });

  test("tells to load again what could not be recovered", async () => {
    await live();
    world.message(TOPIC, 1);
    world.wire.ears.onClose(1006, "");
    await world.pass(600);
    world.welcome();
    world.join(TOPIC, { epoch: "e2", offset: 7 });
    world.message(TOPIC, 8, { epoch: "e2" });
    world.say({ event: "reset", topic: TOPIC, epoch: "e3", offset: 0, recovered: false });
    world.message(TOPIC, 1, { epoch: "e3" });
    expect(heard).toEqual(["begun", "1", "reload", "8", "reload", "1"]);
  });

  test("notices a hole by itself, except between prices, of which only the latest counts", async () => {
    await live();
    world.message(TOPIC, 1);
    world.message(TOPIC, 4);
    expect(heard).toEqual(["begun", "1", "reload", "4"]);
    heard = [];
    follow("quotes:SPY");
    await world.pass(100);
    world.join("quotes:SPY");
    world.message("quotes:SPY", 3, { snapshot: true });
    world.message("quotes:SPY", 9);
    world.message("quotes:SPY", 8);
    expect(heard).toEqual(["begun", "snapshot 3", "9"]);
  });

  test("an older snapshot does not overtake what came after it", async () => {
    await live("candles:SPY:1d");
    world.message("candles:SPY:1d", 1);
    world.message("candles:SPY:1d", 2);
    world.message("candles:SPY:1d", 1, { snapshot: true });
    expect(heard).toEqual(["begun", "1", "2"]);
  });

  test("two spellings of a topic are one", async () => {
    const leave = follow("quotes:spy");
    follow("quotes:SPY");
    await world.pass(100);
    world.welcome();
    world.join("quotes:SPY");
    world.join("quotes:SPY", { asked: "quotes:spy" });
    heard = [];
    world.message("quotes:SPY", 1);
    expect(heard).toEqual(["1", "1"]);
    expect(world.line.covers("quotes:spy")).toBe(true);
    leave();
    heard = [];
    world.message("quotes:SPY", 2);
    expect(heard).toEqual(["2"]);
  });

  test("a topic that the server does not have is refused, the others go on", async () => {
    follow("candles:SPY:4h");
    follow(TOPIC);
    await world.pass(100);
    world.welcome();
    world.say({ event: "subscribed", topics: [], errors: [{ event: "error", topic: "candles:SPY:4h", code: "interval_not_available" }] });
    world.join(TOPIC);
    expect(heard).toEqual(["refused interval_not_available", "begun"]);
    expect(world.line.covers("candles:SPY:4h")).toBe(false);
    expect(world.line.covers(TOPIC)).toBe(true);
  });

  test("follows no more than the server allows, and the rest when there is room", async () => {
    const leaves = ["a", "b", "c"].map((name) => follow(`scores:${name}`));
    await world.pass(100);
    world.welcome(2);
    expect(world.wire.said[0]?.["topics"]).toEqual(["scores:a", "scores:b"]);
    leaves[0]?.();
    await world.pass(100);
    expect(world.wire.said.slice(1)).toEqual([
      { action: "unsubscribe", topics: ["scores:a"] },
      { action: "subscribe", topics: ["scores:c"], since: {} },
    ]);
  });
});

describe("coming back", () => {
  test("waits longer each time, and never longer than a quarter of a minute", async () => {
    world.up = false;
    follow();
    await world.pass(100);
    const waits: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      world.wire.ears.onClose(1006, "");
      const state = world.state;
      if (state?.state !== "reconnecting") throw new Error(state?.state);
      waits.push(state.retryAt - world.now_);
      await world.pass(state.retryAt - world.now_ + 1);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  test("comes when a server that restarts says so", async () => {
    await live();
    world.say({ event: "restart", code: "server_restarts", retry_after_s: 3.5 });
    world.wire.ears.onClose(1012, "server_restarts");
    expect(world.state).toEqual({ state: "reconnecting", retryAt: world.now_ + 3_500, reason: "The server restarts" });
    await world.pass(3_400);
    expect(world.wires).toHaveLength(1);
    await world.pass(200);
    expect(world.wires).toHaveLength(2);
  });

  test("gives up a connection that has gone silent", async () => {
    await live();
    for (let i = 0; i < 4; i += 1) {
      await world.pass(15_000);
      world.say({ event: "heartbeat", ts: "" });
    }
    expect(world.state).toEqual({ state: "live" });
    await world.pass(60_000);
    expect(world.wires[0]?.closed).toBe(true);
    expect(world.wires.length).toBeGreaterThan(1);
  });

  test("leaves it to asking where WebSockets do not get through, and tries again now and then", async () => {
    follow();
    await world.pass(100);
    for (let i = 0; i < 3; i += 1) {
      world.wire.ears.onClose(1006, "");
      if (i < 2) await world.pass(5_000);
    }
    expect(world.state).toEqual({ state: "polling" });
    const tried = world.wires.length;
    await world.pass(POLLING_RETRY_MS - 100);
    expect(world.wires).toHaveLength(tried);
    await world.pass(200);
    expect(world.wires).toHaveLength(tried + 1);
    expect(world.state).toEqual({ state: "polling" });
    world.welcome();
    expect(world.state).toEqual({ state: "live" });
  });

  test("what an abandoned connection says counts no more", async () => {
    await live();
    const old = world.wire;
    old.ears.onClose(1006, "");
    await world.pass(600);
    world.welcome();
    world.join(TOPIC, { recovered: true });
    old.ears.onText(JSON.stringify({ topic: TOPIC, epoch: "e1", offset: 1, ts: "", data: { n: 1 } }));
    old.ears.onClose(1006, "");
    expect(world.state).toEqual({ state: "live" });
    expect(heard).toEqual(["begun"]);
  });

  test("nobody looks: the connection ends, and goes on where it was when somebody does", async () => {
    await live();
    world.message(TOPIC, 1);
    world.line.pause();
    expect(world.wire.closed).toBe(true);
    expect(world.state).toEqual({ state: "paused" });
    await world.pass(120_000);
    expect(world.wires).toHaveLength(1);
    world.line.wake();
    await world.pass(10);
    world.welcome();
    expect(world.wire.said[0]?.["since"]).toEqual({ [TOPIC]: ["e1", 1] });
  });
});

describe("the key", () => {
  test("is a ticket on the wire, a new one each time", async () => {
    world.ticketText = "one";
    await live();
    world.ticketText = "two";
    world.wire.ears.onClose(1006, "");
    await world.pass(600);
    expect(world.wires.map((wire) => wire.ticket)).toEqual(["one", "two"]);
  });

  test("that is refused ends it, until there is another", async () => {
    world.refusal = "key_refused";
    follow();
    await world.pass(60_000);
    expect(world.wires).toHaveLength(0);
    expect(world.state).toEqual({ state: "refused", reason: "The key has expired or was revoked" });
    world.refusal = null;
    world.line.rekey();
    await world.pass(10);
    expect(world.wires).toHaveLength(1);
  });

  test("that expires under way says so", async () => {
    await live();
    world.say({ event: "closing", code: "key_refused", detail: "…" });
    world.wire.ears.onClose(4001, "key_refused");
    expect(world.state).toEqual({ state: "refused", reason: "The key has expired or was revoked" });
    await world.pass(60_000);
    expect(world.wires).toHaveLength(1);
  });
});
