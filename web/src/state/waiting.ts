// What came over the stream and was not handed on yet. Pure; never more than WAITING_MAX, however long nobody draws.
import type { Delivery } from "./topics";

/** A page behind another gets no frames; what waits for one must not grow until somebody looks again. */
export const WAITING_MAX = 2_000;

export class Waiting {
  #all: Delivery[] = [];
  readonly #prices = new Map<string, number>(); // where the latest of each stands

  get size(): number {
    return this.#all.length;
  }

  /** Of prices only the latest is shown; everything else is handed on in order. */
  put(one: Delivery): void {
    const { topic, kind } = one.meta;
    const prices = topic.startsWith("quotes:") && kind !== "reload" && kind !== "refused";
    const at = prices ? this.#prices.get(topic) : undefined;
    const before = at === undefined ? undefined : this.#all[at];
    if (before && before.handlers === one.handlers && at !== undefined) this.#all[at] = one;
    else {
      if (prices) this.#prices.set(topic, this.#all.length);
      this.#all.push(one);
    }
  }

  /** All of it, and nothing waits any more. */
  take(): readonly Delivery[] {
    const all = this.#all;
    this.#all = [];
    this.#prices.clear();
    return all;
  }
}
