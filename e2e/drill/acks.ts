import type { Announced } from "./frames.ts";

/** Time after the first unacknowledged event, milliseconds. */
const ACK_AFTER_MS = 2_000;
/** Time between two acks: a client may send 60 frames in 10 s (rooms.md §2), milliseconds. */
const ACK_GAP_MS = 250;

/** Decides when a client acknowledges: at half of its window, or some seconds after the first event. */
export class Acks {
  readonly #limits: Announced;
  #bytes = 0;
  #events = 0;
  #firstAt = 0;
  #ackedAt = 0;

  constructor(limits: Announced) {
    this.#limits = limits;
  }

  /** Counts received events. */
  count(events: number, bytes: number, now: number): void {
    if (this.#events === 0) this.#firstAt = now;
    this.#events += events;
    this.#bytes += bytes;
  }

  /** Whether to acknowledge now; if so, the acknowledgement counts as sent. */
  isDue(now: number): boolean {
    if (this.#events === 0 || now - this.#ackedAt < ACK_GAP_MS) return false;
    const { windowBytes, windowEvents } = this.#limits;
    const due =
      this.#bytes * 2 >= windowBytes ||
      this.#events * 2 >= windowEvents ||
      now - this.#firstAt >= ACK_AFTER_MS;
    if (!due) return false;
    this.#bytes = 0;
    this.#events = 0;
    this.#ackedAt = now;
    return true;
  }
}
