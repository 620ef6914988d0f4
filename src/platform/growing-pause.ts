import { type Backoff, doublingPause } from "../protocol/backoff.ts";

/** A pause as it is stored. Times are milliseconds since 1970. */
export type RememberedPause = {
  readonly until: number;
  /** Refusals in a row. Each makes the next pause longer. */
  readonly refusals: number;
};

/** After a pause one call is sent as a probe. The others wait this long for its result, milliseconds. */
const PROBE_MS = 2_000;

/**
 * A pause of all our calls to a service that refuses them. It grows while the calls after it are refused as
 * well. Times are milliseconds since 1970. It only computes times: callers wait by themselves.
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

  /** When a call may be sent; at once if that is not after `now`. */
  until(now: number): number {
    // Bounds the pause by the longest one also after the clock was set back.
    this.#until = Math.min(this.#until, now + this.#backoff.mostMs);
    if (now < this.#until) return this.#until;
    return this.#refusals > 0 && now < this.#probedUntil ? this.#probedUntil : 0;
  }

  /** Records that a call is sent. */
  take(now: number): void {
    if (this.#refusals > 0) this.#probedUntil = now + PROBE_MS;
  }

  /**
   * Records that a call was refused.
   * @param toldMs how long the answer says to wait; null: it does not say
   */
  refuse(now: number, toldMs: number | null): void {
    // Calls that were sent before the first refusal arrived do not count again.
    if (now >= this.#until) this.#refusals += 1;
    const grown = doublingPause(this.#backoff, this.#refusals - 1);
    // The Retry-After of the first refusal is used without a lower bound.
    const wanted = this.#refusals === 1 ? (toldMs ?? grown) : Math.max(toldMs ?? 0, grown);
    this.#until = Math.max(this.#until, now + Math.min(this.#backoff.mostMs, wanted));
  }

  /**
   * Records that a call was not refused for this reason.
   * @returns whether this ended a pause
   */
  end(now: number): boolean {
    // An answer that arrives during the pause belongs to a call from before it.
    if (this.#refusals === 0 || now < this.#until) return false;
    this.#refusals = 0;
    this.#until = 0;
    return true;
  }

  /** The state to store, so that it survives a restart. */
  remember(): RememberedPause {
    return { until: this.#until, refusals: this.#refusals };
  }
}
