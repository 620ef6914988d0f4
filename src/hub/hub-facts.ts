import type { HubStore } from "./core/journal.ts";
import { isHubName } from "./env.ts";
import type { HubRuntime } from "./runtime.ts";

/** Fact: the name of the hub. It is called so because every hub was once a guild's. */
const NAME_FACT = "guild";
/** Fact: somebody has used the hub. */
const SERVED_FACT = "served";

/** What a hub knows of itself: its name, and whether it is in use. */
export class HubFacts {
  readonly name: string;
  readonly #store: HubStore;
  #isKnownAsServed = false;

  /** @throws when the object is addressed by no name, or by one that no hub may have, and never was by another */
  constructor(store: HubStore, runtime: Pick<HubRuntime, "name">) {
    this.#store = store;
    this.name = this.#knowName(runtime.name);
  }

  /** Whether anybody has used the hub. Cached once it is true, because it never becomes false again. */
  hasBeenServed(): boolean {
    this.#isKnownAsServed ||= this.#store.readFact(SERVED_FACT) !== null;
    return this.#isKnownAsServed;
  }

  /** The hub is in use from now on. */
  serve(): void {
    if (this.hasBeenServed()) return;
    this.#store.writeFact(SERVED_FACT, "1");
    this.#isKnownAsServed = true;
  }

  /** An alarm may wake an object whose runtime does not tell it its name. */
  #knowName(name: string | undefined): string {
    const known = this.#store.readFact(NAME_FACT);
    if (known !== null) return known;
    if (name === undefined) throw new Error("a hub must be addressed by its name");
    if (!isHubName(name)) throw new Error("no hub may have this name");
    this.#store.writeFact(NAME_FACT, name);
    return name;
  }
}
