import { BATCH_EVENTS_MAX, BATCH_MAX_BYTES } from "../../protocol/limits.ts";
import { encodeBatch, encodeEvent } from "./encode.ts";
import type { Entry } from "./journal.ts";

/** One frame of events. */
export type EventsFrame = {
  readonly text: string;
  readonly events: number;
  /** Of the last event in it. */
  readonly seq: number;
};

/**
 * The frame texts of one delivery, each made once and shared by all sockets that get the same one. After a jump
 * (HUB-5) the text differs by `prev`, and sockets with the same `prev` share it.
 */
export class FrameTexts {
  readonly entries: readonly Entry[];
  readonly #plain = new Map<number, string>();
  readonly #special = new Map<string, string>();

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
  }

  /** Frame of one event, for a socket whose last event was `prev`. */
  event(entry: Entry, prev: number): string {
    if (prev === entry.seq - 1) {
      const known = this.#plain.get(entry.seq);
      if (known !== undefined) return known;
      const text = encodeEvent(entry);
      this.#plain.set(entry.seq, text);
      return text;
    }
    return this.#once(`${entry.seq}<${prev}`, () => encodeEvent(entry, prev));
  }

  /** Frames of several events, for a socket that takes batches. A single event is no batch. */
  *batches(wanted: readonly Entry[], prev: number): Generator<EventsFrame> {
    let before = prev;
    for (let start = 0; start < wanted.length;) {
      const chunk = wanted.slice(start, start + batchLength(wanted, start));
      const first = chunk[0];
      const last = chunk.at(-1);
      if (first === undefined || last === undefined) return;
      const from = before;
      const whole = wanted.length === this.entries.length;
      const key = whole ? `*${start}<${from}` : `${chunk.map((entry) => entry.seq).join()}<${from}`;
      const text =
        chunk.length === 1
          ? this.event(first, from)
          : this.#once(key, () => encodeBatch(chunk, from));
      yield { text, events: chunk.length, seq: last.seq };
      before = last.seq;
      start += chunk.length;
    }
  }

  #once(key: string, make: () => string): string {
    const known = this.#special.get(key);
    if (known !== undefined) return known;
    const text = make();
    this.#special.set(key, text);
    return text;
  }
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
