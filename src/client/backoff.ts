/** Upper bound of the first wait, milliseconds; it doubles with each attempt. */
export const BACKOFF_BASE_MS = 1_000;
/** Upper bound of every wait, milliseconds, unless the server requests a longer one. */
export const BACKOFF_CAP_MS = 30_000;
/** Upper bound while no answer comes at all, milliseconds: a longer wait would not relieve the server. */
export const UNREACHABLE_CAP_MS = 10_000;
/** The longest `retryWindowMs` that is accepted from the server, milliseconds, in case its value is wrong. */
export const RETRY_WINDOW_CAP_MS = 600_000;

/**
 * Time to wait before an attempt. Full jitter keeps browsers that lost the same server from reconnecting at the
 * same moment.
 * @param attempt 0 for the first try after a loss
 * @param random 0 to 1
 * @param atLeastMs the wait that the server requested, milliseconds
 * @param windowMs the server's `retryWindowMs`: the wait is spread over it if it is longer than the bound
 * @param capMs upper bound of the wait, not counting the two above
 * @returns milliseconds
 */
export function backoffMs(
  attempt: number,
  random: number,
  atLeastMs = 0,
  windowMs = 0,
  capMs = BACKOFF_CAP_MS,
): number {
  // This is `doublingPause` of the protocol, inlined: importing it would use up a part of the package's 6 KiB.
  const bound = Math.min(capMs, BACKOFF_BASE_MS * 2 ** attempt);
  return Math.round(atLeastMs + random * Math.max(bound, Math.min(RETRY_WINDOW_CAP_MS, windowMs)));
}
