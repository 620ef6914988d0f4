import { namedShare, PACE_CALLS, PACE_MS, pacedTurn, WaitingLine } from "./fair-share.ts";

/** Requests a bot may send in any second, over all routes (discord.md §2 REST). */
export const GLOBAL_REQUESTS_PER_SECOND = 50;
const GLOBAL_WINDOW_MS = 1000;

/**
 * Calls that may count in Discord's current second. A call reaches Discord at an unknown time between its start
 * and its answer, so it counts from its start until one second after its answer.
 */
class Recent {
  #inFlight = 0;
  #endedAt: number[] = [];

  count(now: number): number {
    this.#endedAt = this.#endedAt.filter((at) => at > now - GLOBAL_WINDOW_MS);
    return this.#inFlight + this.#endedAt.length;
  }

  begin(): void {
    this.#inFlight += 1;
  }

  end(now: number): void {
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    this.#endedAt.push(now);
  }

  /** The earliest time at which `calls` of them no longer count. */
  fewerAt(calls: number, now: number): number {
    return (this.#endedAt[calls - 1] ?? now) + GLOBAL_WINDOW_MS;
  }
}

/**
 * The limit over all routes. Named callers are paced, so that their calls neither reach Discord in one burst nor
 * use up the share of people. Times are milliseconds.
 */
export class GlobalRate {
  readonly #all = new Recent();
  readonly #named = new Recent();
  #namedSentAt: number[] = [];
  readonly #line = new WaitingLine();

  /**
   * When a call may be sent; at once if that is not after `now`.
   * @param notBefore end of a pause of all calls
   * @param place of a named caller
   */
  until(now: number, notBefore: number, place?: string): number {
    return place === undefined
      ? Math.max(notBefore, this.#untilForPeople(now))
      : this.#untilForNamed(now, notBefore, place);
  }

  /** Records that a call is sent. */
  take(now: number, place?: string): void {
    this.#all.begin();
    if (place === undefined) return;
    this.#named.begin();
    this.#namedSentAt.push(now);
    this.#line.leave(place);
  }

  /** Records that a sent call has ended, with or without an answer. */
  end(now: number, place?: string): void {
    this.#all.end(now);
    if (place !== undefined) this.#named.end(now);
  }

  /** Keeps the place of a caller that returns at `dueAt`. */
  keep(place: string, dueAt: number): void {
    this.#line.keep(place, dueAt);
  }

  /** Removes the place of a caller that waits for its bucket first. */
  leave(place: string): void {
    this.#line.leave(place);
  }

  /** Moves a call to the front, because Discord refused it although we had admitted it. */
  keepFirst(place: string, dueAt: number): void {
    this.#line.keepFirst(place, dueAt);
  }

  #untilForPeople(now: number): number {
    const share = namedShare(GLOBAL_REQUESTS_PER_SECOND) - this.#named.count(now);
    const held = Math.max(0, Math.min(this.#line.held(now), share));
    const free = GLOBAL_REQUESTS_PER_SECOND - held - this.#all.count(now);
    return free > 0 ? 0 : this.#all.fewerAt(1 - free, now);
  }

  #untilForNamed(now: number, notBefore: number, place: string): number {
    const before = this.#line.before(place, now);
    this.#namedSentAt = this.#namedSentAt.filter((at) => at > now - PACE_MS);
    const turns = [
      ...Array.from({ length: PACE_CALLS - this.#namedSentAt.length }, () => now),
      ...this.#namedSentAt.map((at) => at + PACE_MS),
    ];
    const turn = turns[before % PACE_CALLS] ?? now;
    const left = GLOBAL_REQUESTS_PER_SECOND - this.#all.count(now);
    return Math.max(
      pacedTurn(turn, before),
      now < notBefore ? pacedTurn(notBefore, before) : 0,
      before < left ? 0 : this.#all.fewerAt(before - left + 1, now),
    );
  }
}
