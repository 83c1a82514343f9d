// A button that asks the server for something, and beside it how that went.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useAct } from "../state/act";

interface Props<T> {
  path: string;
  body?: unknown;
  /** On what, for those who hear the button alone. */
  of: string;
  disabled?: boolean;
  /** What cannot be taken back asks once more, in these words. */
  sure?: ComponentChildren;
  children: ComponentChildren;
  after?: (answer: T) => string | null;
}

export function ActButton<T>({ path, body, of, disabled = false, sure, children, after }: Props<T>) {
  const act = useAct<T>(path, body ?? {}, (answer) => after?.(answer) ?? null);
  const [asked, setAsked] = useState(false);
  const press = (): void => {
    const first = sure !== undefined && !asked;
    setAsked(first);
    if (!first) act.run();
  };
  return (
    <span class="act">
      <button
        type="button"
        class={asked ? "button small danger" : "button small"}
        disabled={act.busy || disabled}
        aria-busy={act.busy}
        onClick={press}
        onBlur={() => setAsked(false)}
        onKeyDown={(event) => event.key === "Escape" && setAsked(false)}
      >
        {act.busy ? "…" : asked ? sure : children}
        <span class="sr-only"> {of}</span>
      </button>
      <span role="status" class={act.error ? "act-said bad" : "act-said"}>
        {act.error ? act.error.problem.detail : act.done}
      </span>
    </span>
  );
}
