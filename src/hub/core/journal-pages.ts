import { FrameTexts } from "./fan-out.ts";
import type { Entry, HubStore } from "./journal.ts";

/** Rows and bytes of one page. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 512 * 1024;
/** Pages that are kept, because clients that reconnect together read the same ones. */
const PAGES_KEPT = 8;

type Page = {
  readonly texts: FrameTexts;
  /** The journal had more than fits, so nothing can be added to this page. */
  readonly isFull: boolean;
};

/**
 * Reads the journal forward in pages, with the texts of their frames. Clients at the same position share a page:
 * after a restart all of them resume from nearly the same seq. Entries never change, so a page is read again
 * only when it was the last one and the journal has grown.
 */
export class JournalPages {
  readonly #store: HubStore;
  readonly #pages = new Map<number, Page>();

  constructor(store: HubStore) {
    this.#store = store;
  }

  /** The page of entries with `seq > after`; without entries at the end of the journal. */
  after(after: number): FrameTexts {
    const { head } = this.#store.extent();
    const known = this.#pages.get(after);
    if (known !== undefined && (known.isFull || known.texts.entries.at(-1)?.seq === head)) {
      return known.texts;
    }
    const entries = after >= head ? [] : this.#store.readAfter(after, PAGE_ROWS, PAGE_BYTES);
    const texts = new FrameTexts(entries);
    const last = entries.at(-1);
    if (last === undefined) return texts;
    this.#pages.delete(after);
    this.#pages.set(after, { texts, isFull: last.seq < head });
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > PAGES_KEPT && oldest !== undefined) this.#pages.delete(oldest);
    return texts;
  }
}

/** How an earlier event is found in the journal. */
export type JournalBefore = Pick<HubStore, "readBefore">;

/**
 * Reads backwards during one delivery, and each page only once: after a wake every socket looks back from the
 * same event.
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
