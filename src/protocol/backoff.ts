/** A back-off: pauses between attempts that double. */
export type Backoff = {
  /** The first pause, milliseconds. */
  readonly firstMs: number;
  /** Where the doubling stops, milliseconds. */
  readonly mostMs: number;
};

/**
 * The pause of a back-off without jitter, for a client that does not share its peer with many others.
 * @param attempt 0 for the first pause
 * @returns milliseconds
 */
export function doublingPause({ firstMs, mostMs }: Backoff, attempt: number): number {
  return Math.min(mostMs, firstMs * 2 ** attempt);
}

/**
 * The pause of a back-off with full jitter: random between 0 and {@link doublingPause}, so that many clients that
 * lost the same peer do not reconnect at the same time.
 * @param attempt 0 for the first pause
 * @param random at least 0, at most 1
 * @returns milliseconds, whole
 */
export function fullJitter(backoff: Backoff, attempt: number, random: number): number {
  return Math.round(doublingPause(backoff, attempt) * random);
}
