// A line without axes: the shape of the last closes, no more.
const WIDTH = 120;
const HEIGHT = 28;
const PAD = 2;

export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  if (values.length < 2) return null;
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={label} preserveAspectRatio="none">
      <polyline points={sparkPoints(values)} />
    </svg>
  );
}

/** `x,y` pairs over the whole width; a constant series is a line in the middle. */
export function sparkPoints(values: readonly number[]): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return values
    .map((value, i) => {
      const x = PAD + ((WIDTH - 2 * PAD) * i) / (values.length - 1);
      const y = span === 0 ? HEIGHT / 2 : HEIGHT - PAD - ((HEIGHT - 2 * PAD) * (value - low)) / span;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}
