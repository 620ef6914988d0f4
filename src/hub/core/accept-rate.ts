import { ACCEPTS_PER_SECOND, RETRY_WINDOW_MIN_MS } from "../../protocol/limits.ts";

/**
 * How fast clients may connect: a burst, then a steady rate. It is kept in memory only: an object that slept
 * long enough to lose it has its whole burst again.
 */
export class AcceptRate {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #at = Number.NEGATIVE_INFINITY;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
  }

  /** Counts one client at `now`, milliseconds. @returns false when it must try again later */
  take(now: number): boolean {
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#perSecond) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A client that was counted did not connect after all. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}

/**
 * Milliseconds over which clients should spread their reconnects when all of them lose this object at once: as
 * long as it needs to accept that many sockets.
 */
export function retryWindowMs(sockets: number): number {
  return Math.max(RETRY_WINDOW_MIN_MS, Math.ceil(sockets / ACCEPTS_PER_SECOND) * 1000);
}
