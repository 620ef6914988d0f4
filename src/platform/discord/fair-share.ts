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

/** A turn is held for so long after its time, because alarms are late at times. Milliseconds. */
export const TURN_HELD_MS = 2_000;

/** So long after its time somebody is still before all who came later. Milliseconds. */
export const PLACE_KEPT_MS = 10_000;

/** Places of one line. Who comes beyond is told a time as well, but nothing is kept. */
export const LINE_MAX = 2_000;

/**
 * Who was told to come back, in the order in which they first came (docs/design/discord-fair-share.md).
 * Times are milliseconds.
 */
export class WaitingLine {
  /** When each comes back; the order is the line's. */
  readonly #dueAt = new Map<string, number>();

  /** How many turns come before this place's: all, for one that is not in the line. */
  before(place: string, now: number): number {
    let held = 0;
    for (const [other, dueAt] of this.#dueAt) {
      if (now >= dueAt + PLACE_KEPT_MS) this.#dueAt.delete(other);
      else if (other === place) return held;
      else if (now < dueAt + TURN_HELD_MS) held += 1;
    }
    return held;
  }

  /** Turns that are held. */
  held(now: number): number {
    return this.before("", now);
  }

  /** Whether nobody is waited for any more. */
  isEmpty(now: number): boolean {
    return this.held(now) === 0 && this.#dueAt.size === 0;
  }

  /** Keeps the place of one who comes back at `dueAt`; who has none yet goes to the end. */
  keep(place: string, dueAt: number): void {
    if (this.#dueAt.size < LINE_MAX || this.#dueAt.has(place)) this.#dueAt.set(place, dueAt);
  }

  /** Puts one whose turn was in vain before all others. */
  keepFirst(place: string, dueAt: number): void {
    const others = [...this.#dueAt].filter(([other]) => other !== place);
    this.#dueAt.clear();
    this.#dueAt.set(place, dueAt);
    for (const [other, due] of others) this.#dueAt.set(other, due);
  }

  /** Its turn came, or it needs none. */
  leave(place: string): void {
    this.#dueAt.delete(place);
  }
}
