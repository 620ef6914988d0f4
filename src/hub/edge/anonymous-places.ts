import {
  UNAUTHENTICATED_ACCEPTS_BURST,
  UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
  UNAUTHENTICATED_CLOSING_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
  UNAUTHENTICATED_SOCKETS_PER_ISOLATE,
} from "../../protocol/limits.ts";
import { AcceptRate } from "../core/accept-rate.ts";

/** The place of a client that has not said who it is. */
export type Place = { readonly address: string };

/**
 * The clients of one isolate that have not said who they are (hub.md, pre-auth): how many wait, in all and from
 * each address, and how fast new ones come. No hub knows of them, so they take nothing from clients that have
 * authenticated.
 */
export class AnonymousPlaces {
  readonly #rate = new AnonymousAcceptRate();
  /** Until when each is taken at most, milliseconds. */
  readonly #places = new Map<Place, number>();

  /**
   * Takes a place for a new client.
   * @param address its network (`client-network.ts`)
   * @param now milliseconds
   * @param ms after which the place is free again in any case: a client that hangs up may cancel the code that
   * would free it
   * @returns null: there is no place, or too many came at once
   */
  take(address: string, now: number, ms: number): Place | null {
    let fromAddress = 0;
    for (const [place, until] of this.#places) {
      if (until <= now) this.#places.delete(place);
      else if (place.address === address) fromAddress += 1;
    }
    const hasPlace =
      this.#places.size < UNAUTHENTICATED_SOCKETS_PER_ISOLATE &&
      fromAddress < UNAUTHENTICATED_SOCKETS_PER_ADDRESS;
    if (!hasPlace || !this.#rate.take(address, now)) return null;
    const place = { address };
    this.#places.set(place, now + ms);
    return place;
  }

  /**
   * The client was closed, and has not answered: its connection lasts as long as it likes, so it keeps its place for
   * {@link UNAUTHENTICATED_CLOSING_MS}.
   * @param now milliseconds
   */
  closing(place: Place, now: number): void {
    this.#places.set(place, now + UNAUTHENTICATED_CLOSING_MS);
  }

  /** Frees a place. */
  leave(place: Place): void {
    this.#places.delete(place);
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
class AnonymousAcceptRate {
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
