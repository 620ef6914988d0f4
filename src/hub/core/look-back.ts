import type { Entry, HubStore } from "./journal.ts";

/** What finding an earlier event needs of the journal. */
export type JournalBefore = Pick<HubStore, "readBefore">;

/**
 * Reads of one delivery back into the journal, each made once: after a wake every socket looks back
 * from the same event.
 */
export class LookBack implements JournalBefore {
  readonly #journal: JournalBefore;
  readonly #pages = new Map<number, Entry[]>();

  constructor(journal: JournalBefore) {
    this.#journal = journal;
  }

  readBefore(before: number, limit: number): Entry[] {
    const known = this.#pages.get(before);
    if (known !== undefined) return known;
    const page = this.#journal.readBefore(before, limit);
    this.#pages.set(before, page);
    return page;
  }
}
