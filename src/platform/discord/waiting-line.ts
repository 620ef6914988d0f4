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
