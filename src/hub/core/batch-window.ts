import { BATCH_WINDOW_MS } from "../../protocol/limits.ts";
import type { Entry } from "./journal.ts";

/** Calls back after some milliseconds. Until then the object does not sleep. */
export type After = (ms: number, run: () => void) => void;

/** The first event of a burst is sent at once. Those of the next milliseconds share a frame (HUB-13). */
export class BatchWindow {
  readonly #after: After;
  readonly #deliver: (entries: readonly Entry[]) => boolean;
  /** Entries appended since the window opened; null: no window is open. */
  #entries: Entry[] | null = null;

  /** @param deliver sends what waited. @returns whether anybody takes batches */
  constructor(after: After, deliver: (entries: readonly Entry[]) => boolean) {
    this.#after = after;
    this.#deliver = deliver;
  }

  get isOpen(): boolean {
    return this.#entries !== null;
  }

  /** The first event that waits. */
  get first(): Entry | undefined {
    return this.#entries?.[0];
  }

  /** The events that wait, up to this seq. */
  waiting(upTo: number): Entry[] {
    return (this.#entries ?? []).filter(({ seq }) => seq <= upTo);
  }

  /** Adds entries if a window is open. */
  add(entries: readonly Entry[]): void {
    this.#entries?.push(...entries);
  }

  open(): void {
    this.#entries = [];
    this.#after(BATCH_WINDOW_MS, () => {
      const entries = this.#entries ?? [];
      this.#entries = null;
      if (entries.length > 0 && this.#deliver(entries)) this.open();
    });
  }

  /** Drops what waits, because another journal replaces this one. */
  forget(): void {
    if (this.#entries !== null) this.#entries = [];
  }
}
