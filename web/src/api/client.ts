// Asks the API. Every failure becomes an ApiFailure that says what kind it is and when to try again.

import { apiKey, refused } from "./key";

export interface Problem {
  type?: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  request_id?: string;
  [fact: string]: unknown;
}

/** `status` 0 means that no answer came at all. */
export class ApiFailure extends Error {
  readonly problem: Problem;
  readonly retryAfterS: number | null;

  constructor(problem: Problem, retryAfterS: number | null) {
    super(problem.detail || problem.title);
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  get unreachable(): boolean {
    return this.problem.status === 0;
  }
}

const BASE = "/api/v1";
const TIMEOUT_MS = 15_000;

type Query = Record<string, string | number | null | undefined>;

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(`${BASE}${path}${queryText(query)}`, {}, signal);
}

export function remove(path: string, signal?: AbortSignal): Promise<null> {
  return ask<null>(`${BASE}${path}`, { method: "DELETE" }, signal);
}

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return ask<T>(`${BASE}${path}`, init, signal);
}

/** One path segment: `^VIX` and `US.CPI` are symbols too. */
export function segment(symbol: string): string {
  return encodeURIComponent(symbol);
}

export function queryText(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString()}` : "";
}

function authorization(): Record<string, string> {
  return apiKey.value ? { Authorization: `Bearer ${apiKey.value}` } : {};
}

async function ask<T>(url: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  try {
    answer = await fetch(url, {
      ...init,
      headers: { Accept: "application/json", ...authorization(), ...init.headers },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.ok) return (answer.status === 204 ? null : await answer.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    const slow = limit.aborted;
    throw new ApiFailure(
      {
        status: 0,
        code: slow ? "timeout" : "unreachable",
        title: slow ? "No answer in time" : "Server unreachable",
        detail: slow ? `The server did not answer within ${TIMEOUT_MS / 1000} s` : "The server cannot be reached",
      },
      null,
    );
  }
  const problem = await problemOf(answer);
  if (problem.status === 401) refused.value = problem.code;
  throw new ApiFailure(problem, retryAfter(answer.headers.get("Retry-After")));
}

async function problemOf(answer: Response): Promise<Problem> {
  const fallback = {
    status: answer.status,
    code: "unknown",
    title: answer.statusText || `Error ${answer.status}`,
    detail: `The server answered ${answer.status}`,
  };
  if (!answer.headers.get("Content-Type")?.includes("json")) {
    // A proxy in front of a server that is down answers for it, in HTML or plain text.
    return answer.status >= 502 ? { ...fallback, status: 0, code: "unreachable", detail: "The server cannot be reached" } : fallback;
  }
  try {
    return { ...fallback, ...((await answer.json()) as Problem) };
  } catch {
    return fallback;
  }
}

/** Seconds to wait, from either form of the header. */
export function retryAfter(header: string | null): number | null {
  if (!header) return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000);
}
