/**
 * Callers that come back by themselves (those with a name) leave this part of every limit to people
 * who wait for an answer: a fifth, rounded up. A limit of one cannot be shared.
 */
const LEFT_TO_PEOPLE = 1 / 5;

/** Calls of a limit that named callers may use. */
export function namedShare(limit: number): number {
  return limit <= 1 ? limit : limit - Math.ceil(limit * LEFT_TO_PEOPLE);
}

/**
 * Part of a window, at its end, in which named callers may use what people left: whoever comes then is
 * served in the next window, which is near.
 */
const RELEASED = 1 / 5;

/** From when on what people left of a window is anybody's. */
export function releasedAt(resetAt: number, lengthMs: number): number {
  return resetAt - lengthMs * RELEASED;
}

/** Named callers start no more than this many calls in {@link PACE_MS}, whatever they call. */
export const PACE_CALLS = 8;
export const PACE_MS = 200;

/** When the turn comes of one with so many before it, if turns are handed out from `start` on. */
export function pacedTurn(start: number, before: number): number {
  return start + Math.floor(before / PACE_CALLS) * PACE_MS;
}
