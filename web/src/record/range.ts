// How far chance alone leaves what is counted.
export const SURE = 1.96; // standard errors: 95 times of 100

/** What chance alone leaves in each part, 95 times of 100, and up to where the plot reaches: over all of it. */
export function rangeOf(counts: readonly number[]): { least: number; usual: number; top: number } {
  const even = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  const noise = SURE * Math.sqrt(even * (1 - 1 / counts.length));
  return { least: Math.max(0, even - noise), usual: even + noise, top: Math.max(...counts, even + noise, even * 1.6) };
}
