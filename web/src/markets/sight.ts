// Which rows of a long table are on the screen: those are followed over the stream, for a connection takes only so many topics.
import { signal } from "@preact/signals";

/** Of each kind of topic: a connection has 256 subscriptions. */
export const FOLLOWED_MAX = 120;
const SETTLE_MS = 250; // a connection takes 20 messages a second; a table that is scrolled through asks four times
const AROUND = "50% 0px"; // half a screen before it comes into sight a row is followed

export class Sight {
  /** Sorted: the same rows are the same list. */
  readonly symbols = signal<readonly string[]>([]);
  readonly #here = new Set<string>();
  readonly #rows = new Map<Element, string>();
  #watcher: IntersectionObserver | null = null;
  #settling = false;

  /** Look after a row; returns how to stop. */
  watch(row: Element, symbol: string): () => void {
    this.#watcher ??= new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => this.move(this.#rows.get(target), isIntersecting)), { rootMargin: AROUND });
    this.#rows.set(row, symbol);
    this.#watcher.observe(row);
    return () => {
      this.#watcher?.unobserve(row);
      this.#rows.delete(row);
      this.move(symbol, false);
    };
  }

  /** A row has come near, or is gone. */
  move(symbol: string | undefined, here: boolean): void {
    if (symbol === undefined || this.#here.has(symbol) === here) return;
    if (here) this.#here.add(symbol);
    else this.#here.delete(symbol);
    if (this.#settling) return;
    this.#settling = true;
    setTimeout(() => {
      this.#settling = false;
      const now = [...this.#here].sort();
      if (now.join() !== this.symbols.peek().join()) this.symbols.value = now;
    }, SETTLE_MS);
  }
}

/** What is followed of so many: all while there is room, else what is in sight. */
export function followedOf(symbols: readonly string[], sight: readonly string[]): readonly string[] {
  if (symbols.length <= FOLLOWED_MAX) return symbols;
  const known = new Set(symbols);
  return sight.filter((symbol) => known.has(symbol)).slice(0, FOLLOWED_MAX);
}
