// One answer of the API, kept fresh: asked again on a key change, on a beat, and after a reconnection.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiFailure } from "../api/client";
import { connection, epoch } from "./server";

export interface Resource<T> {
  data: T | null;
  error: ApiFailure | null;
  busy: boolean;
  /** `data` answers the question asked before, which is kept while this one loads. */
  old: boolean;
  reload: () => void;
  /** An answer that came another way, such as over the stream. */
  put: (data: T) => void;
}

interface Options {
  /** Ask again this long after each answer; a function is read each time. */
  everyMs?: () => number;
  /** While the stream brings what is new (`covers`), nobody asks; when it does no more, it is asked at once. */
  covered?: () => boolean;
  /** While a new key loads, go on showing the answer of the old one. */
  keep?: boolean;
}

interface State<T> {
  key: string | null;
  data: T | null;
  error: ApiFailure | null;
  busy: boolean;
}

const RETRY_MS = 5_000;

export function useResource<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, options: Options = {}): Resource<T> {
  const [state, setState] = useState<State<T>>({ key: null, data: null, error: null, busy: key !== null });
  const [asked, setAsked] = useState(0);
  const latest = useRef({ load, options });
  latest.current = { load, options };
  const reconnected = epoch.value;

  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;

    const again = (ms: number): void => {
      if (!stopped) timer = setTimeout(() => (document.hidden || covered() ? again(1_000) : void ask()), ms);
    };
    const covered = (): boolean => latest.current.options.covered?.() ?? false;
    const ask = async (): Promise<void> => {
      const { load: loader, options: current } = latest.current;
      setState((old) => (old.busy ? old : { ...old, busy: true }));
      try {
        const data = await loader(abort.signal);
        if (stopped) return;
        setState({ key, data, error: null, busy: false });
        if (current.everyMs) again(current.everyMs());
      } catch (error) {
        if (stopped || abort.signal.aborted) return;
        const failure = error instanceof ApiFailure ? error : unexpected(error);
        // An answer that was good stays on the page while the server is away; the banner says that it is.
        setState((old) => ({ key, data: old.key === key ? old.data : null, error: failure, busy: false }));
        if (failure.retryAfterS !== null) again(Math.max(1, failure.retryAfterS) * 1_000);
        else if (failure.problem.status >= 500 || failure.unreachable) again(RETRY_MS);
        else if (current.everyMs && connection.peek().state === "up") again(Math.max(RETRY_MS, current.everyMs()));
      }
    };
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, asked, reconnected]);

  const reload = useCallback(() => setAsked((n) => n + 1), []);
  const put = useCallback((data: T) => setState((old) => ({ ...old, key, data, error: null })), [key]);
  const current = state.key === key;
  return {
    data: current || options.keep ? state.data : null,
    error: current ? state.error : null,
    busy: state.busy || (key !== null && !current),
    old: !current && options.keep === true && state.data !== null,
    reload,
    put,
  };
}

function unexpected(error: unknown): ApiFailure {
  console.error(error);
  return new ApiFailure({ status: 500, code: "page", title: "The page stumbled", detail: String(error) }, null);
}
