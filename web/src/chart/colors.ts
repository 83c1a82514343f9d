// Canvas colours from the style sheet, so that there is one place for them.
export interface Palette {
  ink: string;
  muted: string;
  hairline: string;
  paper: string;
  edge: string;
  fan: string;
  warn: string;
  /** Of indicators, in the order in which they are chosen. */
  lines: string[];
}

/** So many colours that people with any colour vision tell apart; each comes with its own dash, too. */
export const LINE_COLORS = 6;

let probe: HTMLElement | null = null;

function colorOf(name: string): string {
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

export function palette(): Palette {
  return {
    ink: colorOf("ink"),
    muted: colorOf("muted"),
    hairline: colorOf("grid"),
    paper: colorOf("card"),
    edge: colorOf("edge-strong"),
    fan: colorOf("fan"),
    warn: colorOf("warn"),
    lines: Array.from({ length: LINE_COLORS }, (_, k) => colorOf(`line-${k + 1}`)),
  };
}
