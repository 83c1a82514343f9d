// The reader's API key, where the server asks for one; remembered where storage is allowed.
import { signal } from "@preact/signals";

const KEPT_AT = "truecast.key";

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT_AT);
  } catch {
    return null;
  }
}

export const apiKey = signal<string | null>(kept());
/** A key that was made on this page: the only one that is ever shown whole, until the page is left. */
export const madeKey = signal<string | null>(null);
/** Why the server last refused us: `key_missing` or `key_refused`; null while it does not. */
export const refused = signal<string | null>(null);

export function keepKey(key: string | null): void {
  apiKey.value = key;
  refused.value = null;
  try {
    if (key === null) localStorage.removeItem(KEPT_AT);
    else localStorage.setItem(KEPT_AT, key);
  } catch {
    // Storage is blocked: the key lasts as long as the page.
  }
}
