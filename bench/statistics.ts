/** The quantile at `share` (0 to 1) by nearest rank. NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[rank] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The rate of the busiest window.
 * @param times moments in milliseconds, in any order
 * @param windowMs length of each window; the first one begins at the first moment
 */
export function peakPerSecond(times: readonly number[], windowMs: number): number {
  const first = Math.min(...times);
  const buckets = new Map<number, number>();
  for (const time of times) {
    const bucket = Math.floor((time - first) / windowMs);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  return (Math.max(0, ...buckets.values()) * 1000) / windowMs;
}
