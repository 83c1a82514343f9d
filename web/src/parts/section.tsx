// A card around one answer of the API: bones while it loads, the failure when it fails.
import type { ComponentChildren } from "preact";
import type { Resource } from "../state/resource";
import { Bone } from "./bits";
import { Failure } from "./failure";

interface SectionProps<T> {
  id: string;
  title: string;
  about: string;
  of: Resource<T>;
  children: (data: T) => ComponentChildren;
}

export function Section<T>({ id, title, about, of, children }: SectionProps<T>) {
  return (
    <section class="card listing" id={id} aria-labelledby={`${id}-title`} aria-busy={of.old || (!of.data && of.busy)}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <p class="soft small">{about}</p>
      </header>
      {of.data ? (
        children(of.data)
      ) : of.error ? (
        <Failure error={of.error} onRetry={of.reload} of={title.toLowerCase()} />
      ) : (
        <div class="bones">
          <Bone height="1.6em" />
          <Bone height="1.6em" />
          <Bone height="1.6em" />
        </div>
      )}
    </section>
  );
}
