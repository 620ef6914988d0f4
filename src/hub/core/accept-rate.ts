import { ACCEPTS_BURST, ACCEPTS_PER_SECOND, RETRY_WINDOW_MIN_MS } from "../../protocol/limits.ts";

/**
 * How fast clients may come in: a burst, then a steady rate. Only in memory, since whoever slept has
 * rested. What is refused here costs nothing but the answer.
 */
export class AcceptRate {
  #tokens = ACCEPTS_BURST;
  #at = Number.NEGATIVE_INFINITY;

  /** Takes one client at `now`, milliseconds. @returns false when it must come later */
  take(now: number): boolean {
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(ACCEPTS_BURST, this.#tokens + (passed * ACCEPTS_PER_SECOND) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/**
 * Over how many milliseconds the clients of an object with so many sockets should spread their return
 * after they all lost it: no more of them than it takes in that time.
 */
export function retryWindowMs(sockets: number): number {
  return Math.max(RETRY_WINDOW_MIN_MS, Math.ceil(sockets / ACCEPTS_PER_SECOND) * 1000);
}
