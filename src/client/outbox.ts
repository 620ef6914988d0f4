import type { Credit } from "./server-frame.ts";
import { Timer } from "./timer.ts";

/** What was received is acknowledged at the latest this long after the first event, milliseconds. */
export const ACK_INTERVAL_MS = 3_000;
/** Time between two frames, milliseconds: 40 in the 10 s in which the hub takes 60. */
export const SEND_SPACING_MS = 250;
/**
 * Part of the credit after which an acknowledgement is due. Of the bytes a third, because text is
 * counted in UTF-16 units here, of which each may be up to three bytes on the wire.
 */
const EVENTS_SHARE = 2;
const BYTES_SHARE = 3;

/**
 * What one connection sends. It holds at most one subscription and one acknowledgement: a newer one
 * takes the place of one that still waits, because only the last of each means anything.
 */
export class Outbox {
  readonly #send: (text: string) => void;
  readonly #credit: Credit;
  readonly #timer = new Timer();
  #channelIds: readonly string[] | undefined;
  #seq: number | undefined;
  #events = 0;
  #units = 0;
  #sentAt = 0;
  /** When the timer runs; milliseconds since 1970. */
  #due = Number.POSITIVE_INFINITY;

  constructor(credit: Credit, send: (text: string) => void) {
    this.#credit = credit;
    this.#send = send;
  }

  /**
   * Notes what has come, to be acknowledged.
   * @param seq of the last event
   * @param units its frame's length in UTF-16 units
   */
  received(seq: number, events: number, units: number): void {
    this.#seq = seq;
    this.#events += events;
    this.#units += units;
    const { windowEvents = Number.POSITIVE_INFINITY, windowBytes = Number.POSITIVE_INFINITY } =
      this.#credit;
    const due =
      this.#events * EVENTS_SHARE >= windowEvents || this.#units * BYTES_SHARE >= windowBytes;
    this.#flushIn(due ? 0 : ACK_INTERVAL_MS);
  }

  /** Asks for these channels; an empty list for all. */
  subscribe(channelIds: readonly string[]): void {
    this.#channelIds = channelIds;
    this.#flushIn(0);
  }

  /** Sends nothing more. */
  stop(): void {
    this.#timer.clear();
  }

  #flushIn(ms: number): void {
    const now = Date.now();
    const at = Math.max(now + ms, this.#sentAt + SEND_SPACING_MS);
    if (at <= now) this.#flush();
    else if (at < this.#due) {
      this.#due = at;
      this.#timer.set(at - now, () => {
        this.#flush();
      });
    }
  }

  /** One frame at a time, so that the spacing holds for all of them. */
  #flush(): void {
    this.#timer.clear();
    this.#due = Number.POSITIVE_INFINITY;
    this.#sentAt = Date.now();
    const channelIds = this.#channelIds;
    if (channelIds !== undefined) {
      this.#channelIds = undefined;
      this.#send(JSON.stringify({ type: "subscribe", channelIds }));
      if (this.#seq !== undefined) this.#flushIn(0);
    } else if (this.#seq !== undefined) {
      this.#send(JSON.stringify({ type: "ack", seq: this.#seq }));
      this.#seq = undefined;
      this.#events = this.#units = 0;
    }
  }
}
