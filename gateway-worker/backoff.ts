/** Shape of a back-off. */
export type Backoff = {
  /** Ceiling of the first wait, milliseconds; it doubles with each attempt. */
  readonly baseMs: number;
  /** Ceiling that the doubling stops at, milliseconds. */
  readonly capMs: number;
};

/**
 * A wait with full jitter: anything between nothing and the ceiling, so that many processes that
 * lost the same peer do not come back in step.
 * @param attempt 0 for the first wait
 * @param random in [0, 1)
 * @returns milliseconds, whole
 */
export function fullJitter(backoff: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling * random);
}
