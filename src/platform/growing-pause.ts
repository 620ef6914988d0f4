import { type Backoff, doublingPause } from "../protocol/backoff.ts";

/** A pause as it is stored. Times are milliseconds since 1970. */
export type RememberedPause = {
  readonly until: number;
  /** Refusals in a row: the more, the longer the next pause. */
  readonly refusals: number;
};

/** After a pause one call finds out whether it is over; others wait so long for it. Milliseconds. */
const PROBE_MS = 2_000;

/**
 * A pause that somebody else's limit asks of all of our calls together. It grows while calls after it
 * are refused as well. Times are milliseconds since 1970; nothing waits in here.
 */
export class GrowingPause {
  /** For refusals that do not say how long to wait. */
  readonly #backoff: Backoff;
  #until: number;
  #refusals: number;
  #probedUntil = 0;

  constructor(backoff: Backoff, remembered?: RememberedPause) {
    this.#backoff = backoff;
    this.#until = remembered?.until ?? 0;
    this.#refusals = remembered?.refusals ?? 0;
  }

  /** When a call may go; not after `now`: at once. */
  until(now: number): number {
    // A clock that was set back makes no pause longer than the longest.
    this.#until = Math.min(this.#until, now + this.#backoff.mostMs);
    if (now < this.#until) return this.#until;
    return this.#refusals > 0 && now < this.#probedUntil ? this.#probedUntil : 0;
  }

  /** A call goes. */
  take(now: number): void {
    if (this.#refusals > 0) this.#probedUntil = now + PROBE_MS;
  }

  /**
   * A call was refused.
   * @param toldMs how long the answer says to wait; null: it does not say
   */
  refuse(now: number, toldMs: number | null): void {
    // Those that left before the first refusal came say nothing new.
    if (now >= this.#until) this.#refusals += 1;
    const grown = doublingPause(this.#backoff, this.#refusals - 1);
    // The first refusal's Retry-After is taken as it is.
    const wanted = this.#refusals === 1 ? (toldMs ?? grown) : Math.max(toldMs ?? 0, grown);
    this.#until = Math.max(this.#until, now + Math.min(this.#backoff.mostMs, wanted));
  }

  /**
   * A call was not refused for this reason.
   * @returns whether that is news
   */
  end(now: number): boolean {
    // An answer to a call from before the pause says nothing about it.
    if (this.#refusals === 0 || now < this.#until) return false;
    this.#refusals = 0;
    this.#until = 0;
    return true;
  }

  /** What has to be stored for the next life. */
  remember(): RememberedPause {
    return { until: this.#until, refusals: this.#refusals };
  }
}
