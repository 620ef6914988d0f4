/** Upper bound of the first wait, milliseconds; it doubles with each attempt. */
export const BACKOFF_BASE_MS = 1_000;
/** No wait is longer, milliseconds, unless the server asks for it. */
export const BACKOFF_CAP_MS = 30_000;
/** The same while no answer comes at all, milliseconds: waiting longer spares nobody then. */
export const UNREACHABLE_CAP_MS = 10_000;
/** The longest spread that is granted to the server, milliseconds: it may be wrong, too. */
export const RETRY_WINDOW_CAP_MS = 600_000;

/**
 * Time to wait before an attempt: full jitter, so that all the browsers that lost the same server
 * do not come back in the same moment.
 * @param attempt 0 for the first try after a loss
 * @param random 0 to 1
 * @param atLeastMs what the server asked for, milliseconds
 * @param windowMs the server's `retryWindowMs`: spread over this if it is longer
 * @param capMs upper bound of the wait without the two above
 * @returns milliseconds
 */
export function backoffMs(
  attempt: number,
  random: number,
  atLeastMs = 0,
  windowMs = 0,
  capMs = BACKOFF_CAP_MS,
): number {
  // `doublingPause` of the protocol, written out: each call of it costs the package a part of its 6 KiB.
  const bound = Math.min(capMs, BACKOFF_BASE_MS * 2 ** attempt);
  return Math.round(atLeastMs + random * Math.max(bound, Math.min(RETRY_WINDOW_CAP_MS, windowMs)));
}
