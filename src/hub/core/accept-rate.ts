import {
  ACCEPTS_PER_SECOND,
  RETRY_WINDOW_MIN_MS,
  UNAUTHENTICATED_ACCEPTS_BURST,
  UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
} from "../../protocol/limits.ts";

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
 * Addresses that are remembered. The shared rate lets no more of them in while one recovers its burst, so the
 * one that is forgotten has its whole burst anyway.
 */
const ADDRESSES_KEPT =
  UNAUTHENTICATED_ACCEPTS_BURST +
  UNAUTHENTICATED_ACCEPTS_PER_SECOND *
    (UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS / UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS);

/**
 * How fast clients without a ticket may connect: an {@link AcceptRate} for all of them, and a smaller one for
 * each address, however fast its sockets come and go.
 */
export class AnonymousAcceptRate {
  readonly #all = new AcceptRate(UNAUTHENTICATED_ACCEPTS_BURST, UNAUTHENTICATED_ACCEPTS_PER_SECOND);
  /** Ordered by the last connection: the newest is last. */
  readonly #byAddress = new Map<string, AcceptRate>();

  /**
   * Counts one client at `now`, milliseconds.
   * @returns false when it must try again later
   */
  take(address: string, now: number): boolean {
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
 * Milliseconds over which clients should spread their reconnects when all of them lose this object at once: as
 * long as it needs to accept that many sockets.
 */
export function retryWindowMs(sockets: number): number {
  return Math.max(RETRY_WINDOW_MIN_MS, Math.ceil(sockets / ACCEPTS_PER_SECOND) * 1000);
}
