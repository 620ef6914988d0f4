/**
 * Part of every limit that is reserved for people who wait for an answer: a fifth, rounded up. Named callers,
 * which return by themselves, may not use it. A limit of one cannot be shared.
 */
const LEFT_TO_PEOPLE = 1 / 5;

/** Calls of a limit that named callers may use. */
export function namedShare(limit: number): number {
  return limit <= 1 ? limit : limit - Math.ceil(limit * LEFT_TO_PEOPLE);
}

/**
 * Last part of a window, in which named callers may use what people left of it. A person who comes then waits
 * only for the next window, which is near.
 */
const RELEASED = 1 / 5;

/** When named callers may begin to use the reserve of a window. */
export function releasedAt(resetAt: number, lengthMs: number): number {
  return resetAt - lengthMs * RELEASED;
}

/** Calls that named callers may start in {@link PACE_MS}, over all routes. */
export const PACE_CALLS = 8;
export const PACE_MS = 200;

/** The turn of a caller with `before` callers ahead of it, when the first turn is at `start`. */
export function pacedTurn(start: number, before: number): number {
  return start + Math.floor(before / PACE_CALLS) * PACE_MS;
}

/** How long a turn is held after its time, because alarms can be late, milliseconds. */
export const TURN_HELD_MS = 2_000;

/** How long after its time a caller keeps its place before all later ones, milliseconds. */
export const PLACE_KEPT_MS = 10_000;

/** Places of one line. A caller above it also gets a time, but its place is not kept. */
export const LINE_MAX = 2_000;

/**
 * Callers that were told to return, in the order in which they first arrived
 * (docs/design/discord-fair-share.md). Times are milliseconds.
 */
export class WaitingLine {
  /** When each place returns, in the order of the line. */
  readonly #dueAt = new Map<string, number>();

  /** Turns held before this place: all of them if it is not in the line. */
  before(place: string, now: number): number {
    let held = 0;
    for (const [other, dueAt] of this.#dueAt) {
      if (now >= dueAt + PLACE_KEPT_MS) this.#dueAt.delete(other);
      else if (other === place) return held;
      else if (now < dueAt + TURN_HELD_MS) held += 1;
    }
    return held;
  }

  /** All turns that are held. */
  held(now: number): number {
    return this.before("", now);
  }

  /** Whether no place is kept. */
  isEmpty(now: number): boolean {
    return this.held(now) === 0 && this.#dueAt.size === 0;
  }

  /** Keeps the place of a caller that returns at `dueAt`. A new place goes to the end. */
  keep(place: string, dueAt: number): void {
    if (this.#dueAt.size < LINE_MAX || this.#dueAt.has(place)) this.#dueAt.set(place, dueAt);
  }

  /** Moves a place whose turn had no effect to the front. */
  keepFirst(place: string, dueAt: number): void {
    const others = [...this.#dueAt].filter(([other]) => other !== place);
    this.#dueAt.clear();
    this.#dueAt.set(place, dueAt);
    for (const [other, due] of others) this.#dueAt.set(other, due);
  }

  /** Removes a place that has had its turn or needs none. */
  leave(place: string): void {
    this.#dueAt.delete(place);
  }
}
