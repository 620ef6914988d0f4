import { namedShare, PACE_CALLS, PACE_MS, pacedTurn } from "./fair-share.ts";
import { WaitingLine } from "./waiting-line.ts";

/** Requests a bot may send in any second, over all routes (discord.md §2 REST). */
export const GLOBAL_REQUESTS_PER_SECOND = 50;
const GLOBAL_WINDOW_MS = 1000;

/**
 * The limit over all routes. Named callers are paced, so that their turns neither reach Discord as one
 * burst nor use up what is left to people. Times are milliseconds.
 */
export class GlobalRate {
  #sentAt: number[] = [];
  #namedSentAt: number[] = [];
  readonly #line = new WaitingLine();

  /**
   * From when on a call may go; not after `now`: at once.
   * @param notBefore nobody may call earlier
   * @param place of a named caller
   */
  until(now: number, notBefore: number, place?: string): number {
    this.#sentAt = this.#sentAt.filter((at) => at > now - GLOBAL_WINDOW_MS);
    this.#namedSentAt = this.#namedSentAt.filter((at) => at > now - GLOBAL_WINDOW_MS);
    return place === undefined
      ? Math.max(notBefore, this.#untilForPeople(now))
      : this.#untilForNamed(now, notBefore, place);
  }

  /** A call goes. */
  take(now: number, place?: string): void {
    this.#sentAt.push(now);
    if (place === undefined) return;
    this.#namedSentAt.push(now);
    this.#line.leave(place);
  }

  /** Keeps the place of one who comes back at `dueAt`. */
  keep(place: string, dueAt: number): void {
    this.#line.keep(place, dueAt);
  }

  /** It waits for something else first. */
  leave(place: string): void {
    this.#line.leave(place);
  }

  /** Discord refused a call that was let go: it goes before all others. */
  keepFirst(place: string, dueAt: number): void {
    this.#line.keepFirst(place, dueAt);
  }

  #untilForPeople(now: number): number {
    const share = namedShare(GLOBAL_REQUESTS_PER_SECOND) - this.#namedSentAt.length;
    const held = Math.max(0, Math.min(this.#line.held(now), share));
    const oldest = this.#sentAt.at(held - GLOBAL_REQUESTS_PER_SECOND);
    return oldest === undefined ? 0 : oldest + GLOBAL_WINDOW_MS;
  }

  #untilForNamed(now: number, notBefore: number, place: string): number {
    const before = this.#line.before(place, now);
    const paced = this.#namedSentAt.filter((at) => at > now - PACE_MS);
    const turns = [
      ...Array.from({ length: PACE_CALLS - paced.length }, () => now),
      ...paced.map((at) => at + PACE_MS),
    ];
    const turn = turns[before % PACE_CALLS] ?? now;
    const left = GLOBAL_REQUESTS_PER_SECOND - this.#sentAt.length;
    const oldest = before < left ? undefined : this.#sentAt[before - left];
    return Math.max(
      pacedTurn(turn, before),
      now < notBefore ? pacedTurn(notBefore, before) : 0,
      oldest === undefined ? 0 : oldest + GLOBAL_WINDOW_MS,
    );
  }
}
