// What the keyboard does: `?` opens it anywhere, Escape closes it, and the focus stays inside meanwhile.
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { CHART_KEYS } from "../chart/keys";
import { JUMPS, Jumps } from "../state/jumps";
import { go, PAGES } from "../state/place";

type Keys = readonly (readonly [keys: readonly string[], does: string])[];

const EVERYWHERE: Keys = [
  [["/"], "search for a symbol; arrows choose, Enter goes there"],
  [["?"], "this help"],
  [["Tab"], "from one thing to the next; the first one skips to the page"],
  [["Esc"], "close what is open"],
  [["Enter"], "open what has the focus; underlined figures tell how sure they are"],
];
const MARKETS: Keys = [
  [["↑", "↓", "←", "→"], "from number to number"],
  [["PageUp", "PageDown"], "ten rows at a time"],
  [["Home", "End"], "the first and the last row"],
  [["Enter"], "open the instrument"],
];
const CHOICES: Keys = [[["←", "→"], "the next of a few: interval, level, period"]];
const GOING: Keys = Object.entries(JUMPS).map(([letter, room]) => [["g", letter], PAGES[room].title] as const);

export const helpOpen = signal(false);

/** Keys that hold everywhere, but where somebody writes. */
export function useKeys(): void {
  useEffect(() => {
    const jumps = new Jumps();
    const onKey = (event: KeyboardEvent): void => {
      const at = event.target instanceof HTMLElement ? event.target : null;
      if (event.ctrlKey || event.metaKey || event.altKey || at?.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], dialog")) return;
      const meant = jumps.meant(event.key, event.timeStamp);
      if (!meant) return;
      event.preventDefault();
      if (meant.kind === "help") helpOpen.value = true;
      else go(PAGES[meant.room].path);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

export function HelpButton() {
  return (
    <button type="button" class="icon-button wide" onClick={() => (helpOpen.value = true)} aria-label="Keys and help" title="Keys and help: ?" aria-haspopup="dialog">
      <b aria-hidden="true">?</b>
    </button>
  );
}

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => (helpOpen.value = false)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
      onKeyDown={(event) => event.key === "Tab" && stay(event, dialog.current)}
    >
      <header>
        <h2 id="help-title">Keys</h2>
        <button type="button" class="button small" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <div class="help-groups">
        <Group title="Everywhere" keys={EVERYWHERE} />
        <Group title="Going" keys={GOING} />
        <Group title="The table of Markets" keys={MARKETS} />
        <Group title="The chart" keys={CHART_KEYS} />
        <Group title="Rows of choices" keys={CHOICES} />
      </div>
      <p class="soft small">
        Everything here is also in the <a href="/developers">API</a>; every view is in its address, to be kept and shared.
      </p>
    </dialog>
  );
}

/** The focus goes round inside, and not to the browser's own bars. */
function stay(event: KeyboardEvent, dialog: HTMLDialogElement | null): void {
  const stops = [...(dialog?.querySelectorAll<HTMLElement>("button, a") ?? [])];
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
}

function Group({ title, keys }: { title: string; keys: Keys }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {keys.map(([pressed, does]) => (
          <div key={does}>
            <dt>
              {pressed.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
