/** A back-off: pauses between attempts that double. */
export type Backoff = {
  /** The first pause, milliseconds. */
  readonly firstMs: number;
  /** Where the doubling stops, milliseconds. */
  readonly mostMs: number;
};

/**
 * The pause of a back-off, for one who waits alone.
 * @param attempt 0 for the first pause
 * @returns milliseconds
 */
export function doublingPause({ firstMs, mostMs }: Backoff, attempt: number): number {
  return Math.min(mostMs, firstMs * 2 ** attempt);
}

/**
 * The pause of a back-off with full jitter: anything between nothing and {@link doublingPause}, so that
 * many who lost the same peer do not come back in step.
 * @param attempt 0 for the first pause
 * @param random at least 0, at most 1
 * @returns milliseconds, whole
 */
export function fullJitter(backoff: Backoff, attempt: number, random: number): number {
  return Math.round(doublingPause(backoff, attempt) * random);
}
