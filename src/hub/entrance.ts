import type { After } from "./core/delivery.ts";

/** Who comes within this time after somebody else waits for the rest of them, milliseconds. */
const GROUP_MS = 3;

/**
 * Lets clients in together when many come at once: what their entry writes is one commit instead of
 * one for each. Who comes alone does not wait.
 */
export class Entrance {
  readonly #after: After;
  /** null: nobody came just now. */
  #group: (() => void)[] | null = null;

  constructor(after: After) {
    this.#after = after;
  }

  /** Runs `work`, at once or with the group that gathers. Rejects with what it throws. */
  enter<T>(work: () => T): Promise<T> {
    if (this.#group === null) {
      this.#gather();
      return Promise.resolve().then(work);
    }
    const group = this.#group;
    return new Promise((resolve, reject) => {
      group.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #gather(): void {
    const group: (() => void)[] = [];
    this.#group = group;
    this.#after(GROUP_MS, () => {
      this.#group = null;
      if (group.length === 0) return;
      // Those who come now may be the next group.
      this.#gather();
      for (const enter of group) enter();
    });
  }
}
