import type { After } from "./core/batch-window.ts";

/** A client that connects within this time after another one waits for the end of it, milliseconds. */
const GROUP_MS = 3;

/**
 * Groups clients that connect at nearly the same time, so that the writes of their entry are one commit instead of
 * one for each. A client that connects alone does not wait.
 */
export class Entrance {
  readonly #after: After;
  /** The clients that wait; null: no client has connected within the last {@link GROUP_MS}. */
  #group: (() => void)[] | null = null;

  constructor(after: After) {
    this.#after = after;
  }

  /** Runs `work`, at once or with the current group. Rejects with the error of `work`. */
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
      // Clients that connect from now on wait for the next group.
      this.#gather();
      for (const enter of group) enter();
    });
  }
}
