// Something the reader does: a POST whose state is shown. Nothing is shown as done before the server says so.
import { useState } from "preact/hooks";
import { ApiFailure, post } from "../api/client";

export interface Act {
  busy: boolean;
  error: ApiFailure | null;
  /** What the server answered last, as a sentence of ours. */
  done: string | null;
  run: () => void;
}

/** `after` is called with the answer and says what it means. */
export function useAct<T>(path: string, body: unknown, after: (answer: T) => string | null): Act {
  const [state, setState] = useState<Omit<Act, "run">>({ busy: false, error: null, done: null });
  const run = (): void => {
    if (state.busy) return;
    setState({ busy: true, error: null, done: null });
    post<T>(path, body)
      .then((answer) => setState({ busy: false, error: null, done: after(answer) }))
      .catch((error: unknown) => {
        if (!(error instanceof ApiFailure)) throw error;
        setState({ busy: false, error, done: null });
      });
  };
  return { ...state, run };
}
