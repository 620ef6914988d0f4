import { signal } from "@preact/signals";
import type { AccountKeys } from "./account-keys.ts";
import type { AccountState } from "./account-state.ts";
import { openMetadata, type Sealed } from "./sealed-metadata.ts";

/** Metadata on the page: decrypted, or why not. */
export type Opened =
  | { readonly kind: "open"; readonly metadata: unknown }
  /** The key is not on the page. */
  | { readonly kind: "locked" }
  /** It is being decrypted. */
  | { readonly kind: "opening" }
  /** It was encrypted with another key, or is damaged. */
  | { readonly kind: "unreadable" };

type Item = Sealed & { readonly id: string };

/** The decrypted metadata of what an account has. It goes from the page with the keys. */
export class OpenedMetadata {
  readonly #results = signal<ReadonlyMap<string, Opened>>(new Map());
  /** The newest text of each item. */
  readonly #texts = new Map<string, string>();
  #keys: AccountKeys | null = null;

  /** Decrypts what is new, and forgets what is gone. Until a change is decrypted, what was before is shown. */
  follow(keys: AccountKeys | null, state: AccountState): void {
    if (keys !== this.#keys) {
      this.#keys = keys;
      this.#texts.clear();
      this.#results.value = new Map();
    }
    if (keys === null) return;
    const items = new Map<string, Item>();
    for (const machine of state.machines.values()) items.set(`machine ${machine.id}`, machine);
    for (const session of state.sessions.values()) items.set(`session ${session.id}`, session);
    for (const name of this.#texts.keys()) {
      if (!items.has(name)) this.#texts.delete(name);
    }
    for (const [name, item] of items) void this.#open(keys, name, item);
  }

  /** The metadata of a machine or session. */
  of(kind: "machine" | "session", { id }: Pick<Item, "id">): Opened {
    const result = this.#results.value.get(`${kind} ${id}`);
    return result ?? { kind: this.#keys === null ? "locked" : "opening" };
  }

  async #open(keys: AccountKeys, name: string, item: Item): Promise<void> {
    const text = `${item.dataEncryptionKey ?? ""} ${item.metadata}`;
    if (this.#texts.get(name) === text) return;
    this.#texts.set(name, text);
    const metadata = await openMetadata(keys, item);
    // The keys were taken away, or the item is gone or has changed again.
    if (keys !== this.#keys || this.#texts.get(name) !== text) return;
    const opened: Opened =
      metadata === undefined ? { kind: "unreadable" } : { kind: "open", metadata };
    const kept = [...this.#results.value].filter(([other]) => this.#texts.has(other));
    this.#results.value = new Map([...kept, [name, opened]]);
  }
}
