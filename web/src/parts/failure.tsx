// What went wrong, in the server's own words, and what the reader can do about it.
import type { ComponentChildren } from "preact";
import type { ApiFailure } from "../api/client";
import { show } from "../state/view";
import { Link } from "./link";

interface Props {
  error: ApiFailure;
  onRetry: () => void;
  /** What was wanted, e.g. "the forecast". */
  of: string;
  /** 1: nothing else is on the page; 2: it takes the place of a part that has a heading. */
  level?: 1 | 2;
}

export function Failure({ error, onRetry, of, level }: Props) {
  const { problem } = error;
  const buttons = choices(problem);
  return (
    <div class="failure" role="alert" data-code={problem.code}>
      <Headline level={level}>{headline(problem.code, problem.title, of)}</Headline>
      <p>{sentence(problem)}</p>
      {reasons(problem["reasons"])}
      {buttons}
      {(problem.status === 429 || error.retryAfterS !== null) && <p class="soft">Asking again in {Math.ceil(error.retryAfterS ?? 5)} s.</p>}
      {!buttons && problem.status !== 422 && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
      {problem.request_id && <p class="soft small">Request {problem.request_id}</p>}
    </div>
  );
}

function Headline({ level, children }: { level: 1 | 2 | undefined; children: ComponentChildren }) {
  if (level === 1) return <h1 class="headline">{children}</h1>;
  if (level === 2) return <h2 class="headline">{children}</h2>;
  return <p class="headline">{children}</p>; // below whatever heading its part has
}

function headline(code: string, title: string, of: string): string {
  if (code === "unreachable" || code === "timeout") return `Cannot load ${of}`;
  if (code === "history_too_short") return "Too little history to forecast";
  if (code === "rate_limited" || code === "too_many_requests") return "Too many requests";
  if (code === "no_live_source") return "No source can answer right now";
  return title;
}

/** The server's own sentence, less what the buttons below say better. */
function sentence(problem: ApiFailure["problem"]): string {
  const symbol = problem["symbol"];
  if (problem.code === "unknown_symbol" && typeof symbol === "string") return `No instrument is called “${symbol}”.`;
  if (problem.code === "ambiguous_symbol" && typeof symbol === "string") return `“${symbol}” may be any of several instruments.`;
  return problem.detail;
}

function choices(problem: ApiFailure["problem"]): ComponentChildren {
  const symbols = list(problem["candidates"]) ?? list(problem["nearest"]);
  if (problem.code === "ambiguous_symbol" || problem.code === "unknown_symbol") {
    const offered = symbols?.length ? symbols : ["EUR-USD"];
    return (
      <p class="choices">
        <span class="soft">{problem.code === "ambiguous_symbol" ? "Which one?" : "Did you mean"}</span>
        {offered.map((symbol) => (
          <button type="button" class="button" key={symbol} onClick={() => show({ symbol, interval: null })}>
            {symbol}
          </button>
        ))}
      </p>
    );
  }
  const intervals = list(problem["available"]);
  if (problem.code === "interval_not_available" && intervals?.length) {
    return (
      <p class="choices">
        <span class="soft">Available</span>
        {intervals.map((interval) => (
          <button type="button" class="button" key={interval} onClick={() => show({ interval })}>
            {interval}
          </button>
        ))}
      </p>
    );
  }
  if (problem.code === "model_unavailable" && typeof problem["model"] === "string") {
    return (
      <p class="choices">
        <button type="button" class="button" onClick={() => show({ model: "auto" })}>
          Use auto
        </button>
        <Link class="button" href={`/models?model=${encodeURIComponent(problem["model"])}`}>
          Train it
        </Link>
      </p>
    );
  }
  if (problem.code === "as_of_in_future") {
    return (
      <p class="choices">
        <button type="button" class="button" onClick={() => show({ asOf: null })}>
          Back to now
        </button>
      </p>
    );
  }
  if (problem.code === "unknown_model") {
    return (
      <p class="choices">
        <button type="button" class="button" onClick={() => show({ model: "auto" })}>
          Use auto
        </button>
      </p>
    );
  }
  return null;
}

function reasons(value: unknown): ComponentChildren {
  if (!value || typeof value !== "object") return null;
  return (
    <ul class="reasons">
      {Object.entries(value as Record<string, unknown>).map(([source, reason]) => (
        <li key={source}>
          <b>{source}</b> {typeof reason === "string" ? reason : JSON.stringify(reason)}
        </li>
      ))}
    </ul>
  );
}

function list(value: unknown): string[] | null {
  return Array.isArray(value) ? value.map(String) : null;
}
