// Text for a program: shown, and copied by a button that says whether it worked.
import { useState } from "preact/hooks";

interface Props {
  /** What it is, for those who hear the button alone. */
  of: string;
  /** What is shown. */
  text: string;
  /** What is copied, where that is more than what is shown. */
  copies?: string;
}

export function Code({ of, text, copies = text }: Props) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={`${of}, as text`}>
        <code>{text}</code>
      </pre>
      <Copy of={of} text={copies} />
    </div>
  );
}

export function Copy({ of, text }: { of: string; text: string }) {
  const [said, setSaid] = useState("");
  const copy = (): void => {
    // Without a secure origin there is no clipboard: then the text can still be marked by hand.
    const done = navigator.clipboard ? navigator.clipboard.writeText(text).then(() => "Copied") : Promise.resolve("Mark the text and copy it by hand: the browser allows it only over HTTPS");
    done.then(setSaid).catch(() => setSaid("The browser did not allow it"));
  };
  return (
    <span class="act">
      <span role="status" class="act-said">
        {said}
      </span>
      <button type="button" class="button small" onClick={copy} onBlur={() => setSaid("")}>
        Copy<span class="sr-only"> {of}</span>
      </button>
    </span>
  );
}
