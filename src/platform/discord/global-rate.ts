import { namedShare, PACE_CALLS, PACE_MS, pacedTurn, WaitingLine } from "./fair-share.ts";

/** Requests a bot may send in any second, over all routes (discord.md §2 REST). */
export const GLOBAL_REQUESTS_PER_SECOND = 50;
const GLOBAL_WINDOW_MS = 1000;

/**
 * Calls that may be in Discord's present second. Nobody knows when a call gets there, only that it was
 * between its start and its answer: so it counts from the one until a second after the other.
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

  /** When so many more of them no longer count, at the earliest. */
  fewerAt(calls: number, now: number): number {
    return (this.#endedAt[calls - 1] ?? now) + GLOBAL_WINDOW_MS;
  }
}

/**
 * The limit over all routes. Named callers are paced, so that their turns neither reach Discord as one
 * burst nor use up what is left to people. Times are milliseconds.
 */
export class GlobalRate {
  readonly #all = new Recent();
  readonly #named = new Recent();
  #namedSentAt: number[] = [];
  readonly #line = new WaitingLine();

  /**
   * From when on a call may go; not after `now`: at once.
   * @param notBefore nobody may call earlier
   * @param place of a named caller
   */
  until(now: number, notBefore: number, place?: string): number {
    return place === undefined
      ? Math.max(notBefore, this.#untilForPeople(now))
      : this.#untilForNamed(now, notBefore, place);
  }

  /** A call goes. */
  take(now: number, place?: string): void {
    this.#all.begin();
    if (place === undefined) return;
    this.#named.begin();
    this.#namedSentAt.push(now);
    this.#line.leave(place);
  }

  /** A call that went has ended, in whatever way. */
  end(now: number, place?: string): void {
    this.#all.end(now);
    if (place !== undefined) this.#named.end(now);
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
