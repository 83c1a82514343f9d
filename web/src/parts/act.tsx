// A button that asks the server for something, and beside it how that went.
import type { ComponentChildren } from "preact";
import { useAct } from "../state/act";

interface Props<T> {
  path: string;
  body?: unknown;
  /** On what, for those who hear the button alone. */
  of: string;
  disabled?: boolean;
  children: ComponentChildren;
  after?: (answer: T) => string | null;
}

export function ActButton<T>({ path, body, of, disabled = false, children, after }: Props<T>) {
  const act = useAct<T>(path, body ?? {}, (answer) => after?.(answer) ?? null);
  return (
    <span class="act">
      <button type="button" class="button small" disabled={act.busy || disabled} aria-busy={act.busy} onClick={act.run}>
        {act.busy ? "…" : children}
        <span class="sr-only"> {of}</span>
      </button>
      <span role="status" class={act.error ? "act-said bad" : "act-said"}>
        {act.error ? act.error.problem.detail : act.done}
      </span>
    </span>
  );
}
