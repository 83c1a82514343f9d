// Canvas colours from the style sheet, so that there is one place for them.
export interface Palette {
  ink: string;
  muted: string;
  hairline: string;
  paper: string;
  fan: string;
  warn: string;
}

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
    fan: colorOf("fan"),
    warn: colorOf("warn"),
  };
}
