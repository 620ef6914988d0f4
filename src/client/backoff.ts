/** Upper bound of the first wait, milliseconds; it doubles with each attempt. */
export const BACKOFF_BASE_MS = 1_000;
/** No wait is longer, milliseconds. */
export const BACKOFF_CAP_MS = 30_000;

/**
 * Time to wait before an attempt: full jitter, so that all the browsers that lost the same server
 * do not come back in the same moment.
 * @param attempt 0 for the first try after a loss
 * @param random 0 to 1
 * @param atLeastMs what the server asked for, milliseconds
 * @returns milliseconds
 */
export function backoffMs(attempt: number, random: number, atLeastMs = 0): number {
  const bound = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 10));
  return Math.round(atLeastMs + random * bound);
}
