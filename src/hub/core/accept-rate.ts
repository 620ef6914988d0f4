import {
  ACCEPTS_PER_SECOND,
  RETRY_WINDOW_MIN_MS,
  UNAUTHENTICATED_ACCEPTS_BURST,
  UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
} from "../../protocol/limits.ts";

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
 * More addresses cannot come in while one of them recovers its burst: whoever came longest ago among so many
 * has rested, and forgetting it changes nothing.
 */
const ADDRESSES_KEPT =
  UNAUTHENTICATED_ACCEPTS_BURST +
  UNAUTHENTICATED_ACCEPTS_PER_SECOND *
    (UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS / UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS);

/**
 * How fast clients may come in that have not said who they are: an {@link AcceptRate} of which one address
 * has only a share, however fast its sockets come and go.
 */
export class AnonymousAcceptRate {
  readonly #all = new AcceptRate(UNAUTHENTICATED_ACCEPTS_BURST, UNAUTHENTICATED_ACCEPTS_PER_SECOND);
  /** The one that came last is the last. */
  readonly #byAddress = new Map<string, AcceptRate>();

  /**
   * Takes one client at `now`, milliseconds.
   * @param address undefined: it is not known, and only what all have together counts
   * @returns false when it must come later
   */
  take(address: string | undefined, now: number): boolean {
    if (address === undefined) return this.#all.take(now);
    const own =
      this.#byAddress.get(address) ??
      new AcceptRate(
        UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
        UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
      );
    if (!own.take(now)) return false;
    if (!this.#all.take(now)) {
      own.giveBack();
      return false;
    }
    this.#byAddress.delete(address);
    this.#byAddress.set(address, own);
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > ADDRESSES_KEPT && oldest !== undefined) {
      this.#byAddress.delete(oldest);
    }
    return true;
  }
}

/**
 * Over how many milliseconds the clients of an object with so many sockets should spread their return
 * after they all lost it: no more of them than it takes in that time.
 */
export function retryWindowMs(sockets: number, perSecond = ACCEPTS_PER_SECOND): number {
  return Math.max(RETRY_WINDOW_MIN_MS, Math.ceil(sockets / perSecond) * 1000);
}
