import { BATCH_EVENTS_MAX, BATCH_MAX_BYTES } from "../../protocol/limits.ts";
import type { Dialect, Numbering } from "./dialect.ts";
import type { Entry } from "./journal.ts";

/** One frame of events. */
export type EventsFrame = {
  readonly text: string;
  readonly events: number;
  /** Of the last event in it. */
  readonly seq: number;
};

/** Texts of one dialect, for connections whose numbers are the hub's. */
type Shared = { readonly plain: Map<number, string>; readonly special: Map<string, string> };

/**
 * The frame texts of one delivery, each made once and shared by all sockets that get the same one. After a jump
 * (HUB-5) the text may differ by `prev`, and sockets with the same `prev` share it. A connection with numbers of
 * its own shares nothing.
 */
export class FrameTexts {
  readonly entries: readonly Entry[];
  readonly #shared = new Map<Dialect, Shared>();

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
  }

  /** Frame of one event, for a socket whose last event was `prev`. */
  event({ dialect, base }: Numbering, entry: Entry, prev: number): string {
    const follows = !dialect.showsJumps || prev === entry.seq - 1;
    const make = (): string =>
      follows ? dialect.event(entry, base) : dialect.event(entry, base, prev);
    if (base !== 0) return make();
    const { plain, special } = this.#sharedBy(dialect);
    return follows ? once(plain, entry.seq, make) : once(special, `${entry.seq}<${prev}`, make);
  }

  /**
   * Frames of several events, for a socket that takes batches in a dialect that has them. A single event is no
   * batch.
   */
  *batches(to: Numbering, wanted: readonly Entry[], prev: number): Generator<EventsFrame> {
    const { dialect, base } = to;
    const { special } = this.#sharedBy(dialect);
    let before = prev;
    for (let start = 0; start < wanted.length;) {
      const length = dialect.batch === undefined ? 1 : batchLength(wanted, start);
      const chunk = wanted.slice(start, start + length);
      const first = chunk[0];
      const last = chunk.at(-1);
      if (first === undefined || last === undefined) return;
      const from = before;
      const whole = wanted.length === this.entries.length;
      const key = whole ? `*${start}<${from}` : `${chunk.map((entry) => entry.seq).join()}<${from}`;
      const make = (): string => dialect.batch?.(chunk, base, from) ?? "";
      const text =
        chunk.length === 1
          ? this.event(to, first, from)
          : base === 0
            ? once(special, key, make)
            : make();
      yield { text, events: chunk.length, seq: last.seq };
      before = last.seq;
      start += chunk.length;
    }
  }

  #sharedBy(dialect: Dialect): Shared {
    const known = this.#shared.get(dialect);
    if (known !== undefined) return known;
    const shared: Shared = { plain: new Map(), special: new Map() };
    this.#shared.set(dialect, shared);
    return shared;
  }
}

function once<Key>(texts: Map<Key, string>, key: Key, make: () => string): string {
  const known = texts.get(key);
  if (known !== undefined) return known;
  const text = make();
  texts.set(key, text);
  return text;
}

/** How many entries from `start` on share a frame: at least one. */
function batchLength(entries: readonly Entry[], start: number): number {
  let bytes = 0;
  let length = 0;
  while (length < BATCH_EVENTS_MAX) {
    const entry = entries[start + length];
    if (entry === undefined) break;
    bytes += entry.payload.length;
    if (length > 0 && bytes > BATCH_MAX_BYTES) break;
    length += 1;
  }
  return length;
}
