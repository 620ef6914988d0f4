import {
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
  UNAUTHENTICATED_SOCKETS_PER_ISOLATE,
} from "../../protocol/limits.ts";
import { AnonymousAcceptRate } from "../core/accept-rate.ts";

/** The place of a client that has not said who it is. */
export type Place = { readonly address: string; readonly until: number };

/**
 * The clients of one isolate that have not said who they are (hub.md, pre-auth): how many wait, in all and from
 * each address, and how fast new ones come. No hub knows of them, so they take nothing from clients that have
 * authenticated.
 */
export class AnonymousPlaces {
  readonly #rate = new AnonymousAcceptRate();
  readonly #places = new Set<Place>();

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
    for (const place of this.#places) {
      if (place.until <= now) this.#places.delete(place);
      else if (place.address === address) fromAddress += 1;
    }
    const hasPlace =
      this.#places.size < UNAUTHENTICATED_SOCKETS_PER_ISOLATE &&
      fromAddress < UNAUTHENTICATED_SOCKETS_PER_ADDRESS;
    if (!hasPlace || !this.#rate.take(address, now)) return null;
    const place = { address, until: now + ms };
    this.#places.add(place);
    return place;
  }

  /** Frees a place. */
  leave(place: Place): void {
    this.#places.delete(place);
  }
}
