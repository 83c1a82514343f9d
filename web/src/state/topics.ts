// What is followed: who listens, and up to where each topic has been heard. Pure.

/**
 * `message` and `snapshot` carry data. `reload` does not: messages may be missing, ask for the past again; it also comes
 * once when a topic is joined (`first`), because what was asked for before may be older. `refused`: the server has no such
 * topic (`code` says why), ask by yourself.
 */
export interface Meta {
  topic: string;
  kind: "message" | "snapshot" | "reload" | "refused";
  epoch: string;
  offset: number;
  ts: string | null;
  first: boolean;
  code: string | null;
}

export type Handler = (data: unknown, meta: Meta) => void;

export interface Delivery {
  handlers: readonly Handler[];
  data: unknown;
  meta: Meta;
}

export interface Joined {
  topic: string;
  asked: string;
  epoch: string;
  offset: number;
  recovered: boolean;
}

interface Said {
  topic: string;
  epoch: string;
  offset: number;
  ts: string;
  snapshot?: boolean;
  data: unknown;
}

interface Followed {
  topic: string;
  handlers: Handler[];
  /** Asked for over the present connection; `joined` once it was answered. */
  asked: boolean;
  joined: boolean;
  refused: string | null;
  place: [epoch: string, offset: number] | null;
  /** The latest, for those who come later; scores are events, not a state. */
  last: Delivery | null;
}

const LIMIT = 256; // subscriptions of a connection, until the server names its own

export class Topics {
  limit = LIMIT;
  readonly #followed = new Map<string, Followed>();
  readonly #spellings = new Map<string, string>();
  readonly #deliver: (all: readonly Delivery[]) => void;

  constructor(deliver: (all: readonly Delivery[]) => void) {
    this.#deliver = deliver;
  }

  /** How many somebody listens to. */
  get size(): number {
    let wanted = 0;
    for (const one of this.#followed.values()) if (one.handlers.length) wanted += 1;
    return wanted;
  }

  add(spelled: string, handler: Handler): () => void {
    const topic = this.#spellings.get(spelled) ?? spelled;
    let one = this.#followed.get(topic);
    if (!one) {
      one = { topic, handlers: [], asked: false, joined: false, refused: null, place: null, last: null };
      this.#followed.set(topic, one);
    }
    one.handlers = [...one.handlers, handler];
    if (one.joined) {
      const begun = one.place ?? ["", 0];
      this.#deliver([{ handlers: [handler], data: null, meta: about(one, "reload", begun, { first: true }) }]);
      if (one.last) this.#deliver([{ ...one.last, handlers: [handler], meta: { ...one.last.meta, kind: "snapshot" } }]);
    }
    return () => {
      const here = this.#followed.get(this.#spellings.get(spelled) ?? spelled);
      if (!here) return;
      const at = here.handlers.indexOf(handler);
      if (at >= 0) here.handlers = here.handlers.filter((_, i) => i !== at);
    };
  }

  covers(spelled: string): boolean {
    return this.#followed.get(this.#spellings.get(spelled) ?? spelled)?.joined ?? false;
  }

  /** What nobody listens to any more. Forgotten with its place: whoever comes back later begins anew. */
  leaving(): string[] {
    const gone = [...this.#followed.values()].filter((one) => one.handlers.length === 0);
    for (const one of gone) this.#followed.delete(one.topic);
    return gone.filter((one) => one.asked).map((one) => one.topic);
  }

  /** What is to be asked for, as far as the server takes it, and where each goes on. */
  joining(): { topics: string[]; since: Record<string, [string, number]> } {
    const all = [...this.#followed.values()].filter((one) => one.handlers.length);
    let room = this.limit - all.filter((one) => one.asked).length;
    const topics: string[] = [];
    const since: Record<string, [string, number]> = {};
    for (const one of all) {
      if (one.asked || one.refused) continue;
      if (room <= 0) break; // the rest waits until others leave; `covers` says that it is not served
      room -= 1;
      one.asked = true;
      topics.push(one.topic);
      if (one.place) since[one.topic] = one.place;
    }
    return { topics, since };
  }

  joined(topics: readonly Joined[], errors: readonly { topic: string; code: string }[]): void {
    for (const { topic, asked, epoch, offset, recovered } of topics) {
      const one = this.#called(asked, topic);
      if (!one) continue;
      one.joined = true;
      one.refused = null;
      if (recovered && one.place) continue; // what is missing follows
      const first = one.place === null;
      one.place = [epoch, offset];
      this.#tell(one, null, about(one, "reload", one.place, { first }));
    }
    for (const { topic, code } of errors) {
      const one = this.#followed.get(topic);
      if (!one) continue;
      [one.refused, one.asked] = [code, false];
      this.#tell(one, null, about(one, "refused", one.place ?? ["", 0], { code }));
    }
  }

  take(said: Said): void {
    const one = this.#followed.get(said.topic);
    if (!one?.joined) return;
    const [epoch, offset] = one.place ?? ["", 0];
    const same = epoch === said.epoch;
    const prices = said.topic.startsWith("quotes:"); // conflated: the latest wins
    if (said.snapshot ? same && said.offset < offset : same && said.offset <= offset) return; // heard already
    const missed = !said.snapshot && (!same || (!prices && said.offset > offset + 1));
    one.place = [said.epoch, said.offset];
    if (missed) this.#tell(one, null, about(one, "reload", one.place, {}));
    this.#tell(one, said.data, about(one, said.snapshot ? "snapshot" : "message", one.place, { ts: said.ts }));
  }

  reset({ topic, epoch, offset }: { topic: string; epoch: string; offset: number }): void {
    const one = this.#followed.get(topic);
    if (!one) return;
    one.place = [epoch, offset];
    this.#tell(one, null, about(one, "reload", one.place, {}));
  }

  /** The connection is gone. Places are kept. */
  parted(): void {
    for (const one of this.#followed.values()) {
      one.asked = false;
      one.joined = false;
      one.refused = null;
    }
  }

  #tell(one: Followed, data: unknown, meta: Meta): void {
    const delivery: Delivery = { handlers: one.handlers, data, meta };
    if (meta.kind === "reload") one.last = null;
    else if (meta.kind !== "refused" && !one.topic.startsWith("scores:")) one.last = delivery;
    if (one.handlers.length) this.#deliver([delivery]);
  }

  /** The server calls it `topic`, whatever it was asked as; two spellings are one. */
  #called(asked: string, topic: string): Followed | undefined {
    const one = this.#followed.get(asked);
    if (asked === topic || !one) return one;
    this.#spellings.set(asked, topic);
    this.#followed.delete(asked);
    const there = this.#followed.get(topic);
    if (!there) {
      this.#followed.set(topic, { ...one, topic });
      return this.#followed.get(topic);
    }
    there.handlers = [...there.handlers, ...one.handlers];
    return there;
  }
}

function about(one: Followed, kind: Meta["kind"], [epoch, offset]: [string, number], more: { ts?: string; first?: boolean; code?: string }): Meta {
  return { topic: one.topic, kind, epoch, offset, ts: more.ts ?? null, first: more.first ?? false, code: more.code ?? null };
}
