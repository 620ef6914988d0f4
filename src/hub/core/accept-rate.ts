import { ACCEPTS_PER_SECOND, RETRY_WINDOW_MIN_MS } from "../../protocol/limits.ts";

/**
 * How fast clients may come in: a burst, then a steady rate. Only in memory, since whoever slept has
 * rested. What is refused here costs nothing but the answer.
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

  /** Takes one client at `now`, milliseconds. @returns false when it must come later */
  take(now: number): boolean {
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#perSecond) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** One that was taken has not come in after all. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}

/**
 * Over how many milliseconds the clients of an object with so many sockets should spread their return
 * after they all lost it: no more of them than it takes in that time.
 */
export function retryWindowMs(sockets: number, perSecond = ACCEPTS_PER_SECOND): number {
  return Math.max(RETRY_WINDOW_MIN_MS, Math.ceil(sockets / perSecond) * 1000);
}
