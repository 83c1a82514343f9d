// Asks the API as somebody else's program would, and tells all of the answer: status, time, headers, text.
import { apiKey } from "../api/key";

export interface Answer {
  status: number;
  statusText: string;
  ms: number;
  bytes: number;
  headers: [string, string][];
  body: string;
  cut: boolean;
}

const SHOWN_CHARS = 20_000;
const TIMEOUT_MS = 15_000;
const TOLD = ["content-type", "ratelimit-policy", "ratelimit", "retry-after", "etag", "cache-control", "x-request-id"];

/** Raises what `fetch` raises when no answer comes. */
export async function ask(url: string): Promise<Answer> {
  const began = performance.now();
  const answer = await fetch(url, {
    headers: { Accept: "application/json", ...(apiKey.peek() ? { Authorization: `Bearer ${apiKey.peek() ?? ""}` } : {}) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await answer.text();
  const ms = performance.now() - began;
  const pretty = answer.headers.get("content-type")?.includes("json") ? indented(text) : text;
  return {
    status: answer.status,
    statusText: answer.statusText,
    ms,
    bytes: new TextEncoder().encode(text).length,
    headers: TOLD.flatMap((name): [string, string][] => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
    body: pretty.slice(0, SHOWN_CHARS),
    cut: pretty.length > SHOWN_CHARS,
  };
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
