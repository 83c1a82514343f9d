// What the keyboard does on the chart: said under it, and in the help.
export const CHART_KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [["←", "→"], "read the bars and the steps of the forecast"],
  [["Shift", "←"], "ten at a time"],
  [["+", "−"], "zoom in and out"],
  [["T"], "as known when the bar that is read had ended"],
  [["Home"], "back to the newest"],
  [["Esc"], "leave what is read"],
];
