// Whether a model is better than the calibrated random walk, in two words and a colour.
import type { ComponentChildren } from "preact";
import type { Leader } from "../api/types";

type Verdict = Leader["verdict"];

const WORDS: Record<Verdict, { text: string; tone: string }> = {
  positive: { text: "better", tone: "good" },
  none: { text: "no edge", tone: "" },
  negative: { text: "worse", tone: "bad" },
};

export function VerdictBadge({ model, verdict, title, children }: { model: string; verdict: Verdict; title?: string | undefined; children?: ComponentChildren }) {
  if (model === "naive") return <span class="badge">reference</span>;
  const { text, tone } = WORDS[verdict];
  return (
    <span class={`badge ${tone}`} title={title}>
      {text}
      {children}
    </span>
  );
}
