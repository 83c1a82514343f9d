// Keys that go somewhere: `g` and then the letter of a page. Pure.
import type { Room } from "./place";

export const JUMPS: Record<string, Room> = { m: "markets", t: "record", c: "compare", r: "risk", o: "models", d: "data", a: "developers", s: "settings" };
const WITHIN_MS = 1_500;

export type Meant = { kind: "help" } | { kind: "go"; room: Room } | null;

/** Listens to keys one by one; a `g` waits a moment for its letter. */
export class Jumps {
  #since: number | null = null;

  meant(key: string, atMs: number): Meant {
    const waiting = this.#since !== null && atMs - this.#since <= WITHIN_MS;
    this.#since = null;
    if (waiting) {
      const room = JUMPS[key.toLowerCase()];
      if (room) return { kind: "go", room };
    }
    if (key === "?") return { kind: "help" };
    if (key === "g") this.#since = atMs;
    return null;
  }
}
