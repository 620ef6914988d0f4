import { BATCH_EVENTS_MAX } from "../../protocol/limits.ts";
import { encodeBatch, encodeEvent } from "./encode.ts";
import type { Entry } from "./journal.ts";

/**
 * Texts of one delivery, made once and shared by all sockets that get the same. Only sockets behind a
 * jump (HUB-5) need texts of their own, and those that jump from the same place share one.
 */
export class FrameTexts {
  readonly #entries: readonly Entry[];
  readonly #plain = new Map<number, string>();
  readonly #special = new Map<string, string>();

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  /** Frame of one event, for a socket that was sent `prev` before. */
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

  /** Frames of several events, for a socket that takes batches: one event goes as itself. */
  *batches(wanted: readonly Entry[], prev: number): Generator<string> {
    let before = prev;
    for (let start = 0; start < wanted.length; start += BATCH_EVENTS_MAX) {
      const chunk = wanted.slice(start, start + BATCH_EVENTS_MAX);
      const first = chunk[0];
      const last = chunk.at(-1);
      if (first === undefined || last === undefined) return;
      const from = before;
      const whole = wanted.length === this.#entries.length;
      const key = whole ? `*${start}<${from}` : `${chunk.map((entry) => entry.seq).join()}<${from}`;
      yield chunk.length === 1
        ? this.event(first, from)
        : this.#once(key, () => encodeBatch(chunk, from));
      before = last.seq;
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
