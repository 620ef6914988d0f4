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
    if (base !== 0) return textOf(dialect, entry, base, follows ? null : prev);
    const { plain, special } = this.#sharedBy(dialect);
    // Every session of a large fan-out comes here: a text that is there is found without making anything.
    if (follows)
      return plain.get(entry.seq) ?? keep(plain, entry.seq, textOf(dialect, entry, 0, null));
    const key = `${entry.seq}<${prev}`;
    return special.get(key) ?? keep(special, key, textOf(dialect, entry, 0, prev));
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
      let text: string;
      if (chunk.length === 1) text = this.event(to, first, from);
      else if (base !== 0) text = batchText(dialect, chunk, base, from);
      else text = special.get(key) ?? keep(special, key, batchText(dialect, chunk, 0, from));
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

/** @param jumpedFrom the event before it, if the client has to be told; null: the numbers show it */
function textOf(dialect: Dialect, entry: Entry, base: number, jumpedFrom: number | null): string {
  return jumpedFrom === null ? dialect.event(entry, base) : dialect.event(entry, base, jumpedFrom);
}

function batchText(dialect: Dialect, chunk: readonly Entry[], base: number, prev: number): string {
  return dialect.batch?.(chunk, base, prev) ?? "";
}

function keep<Key>(texts: Map<Key, string>, key: Key, text: string): string {
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
