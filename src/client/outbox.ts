import type { Credit } from "./server-frame.ts";
import { Timer } from "./timer.ts";

/**
 * What was received is acknowledged at the latest this long after the first event, milliseconds: seldom,
 * since each acknowledgement wakes the hub, and half of the credit is acknowledged at once anyway.
 */
export const ACK_INTERVAL_MS = 30_000;
/** Frames that go at once; then one in {@link SEND_SPACING_MS}. */
export const SEND_BURST = 12;
/** Milliseconds: with the burst at most 53 frames in the 10 s in which the hub takes 60. */
const SEND_SPACING_MS = 250;

const encoder = new TextEncoder();

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
  #bytes = 0;
  /** When all that was sent would have gone by the spacing alone; milliseconds since 1970. */
  #paidUntil = 0;
  /** When the timer runs; milliseconds since 1970. */
  #due = Number.POSITIVE_INFINITY;

  constructor(credit: Credit, send: (text: string) => void) {
    this.#credit = credit;
    this.#send = send;
  }

  /**
   * Notes what has come, to be acknowledged: at once when it is half of the credit, else in a while.
   * @param seq of the last event
   * @param frame the text that brought them
   */
  received(seq: number, events: number, frame: string): void {
    this.#seq = seq;
    this.#events += events;
    this.#bytes += encoder.encode(frame).length;
    const { windowEvents = Number.POSITIVE_INFINITY, windowBytes = Number.POSITIVE_INFINITY } =
      this.#credit;
    const half = this.#events * 2 >= windowEvents || this.#bytes * 2 >= windowBytes;
    this.#flushIn(half ? 0 : ACK_INTERVAL_MS);
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
    const at = Math.max(now + ms, this.#paidUntil - (SEND_BURST - 1) * SEND_SPACING_MS);
    if (at <= now) this.#flush();
    else if (at < this.#due) {
      this.#due = at;
      this.#timer.set(at - now, () => {
        this.#flush();
      });
    }
  }

  #flush(): void {
    this.#timer.clear();
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#channelIds !== undefined) {
      this.#pay({ type: "subscribe", channelIds: this.#channelIds });
      this.#channelIds = undefined;
    }
    if (this.#seq !== undefined) {
      this.#pay({ type: "ack", seq: this.#seq });
      this.#seq = undefined;
      this.#events = this.#bytes = 0;
    }
  }

  #pay(frame: object): void {
    this.#paidUntil = Math.max(Date.now(), this.#paidUntil) + SEND_SPACING_MS;
    this.#send(JSON.stringify(frame));
  }
}
