import type { Credit } from "./server-frame.ts";
import { Timer } from "./timer.ts";

/**
 * Events are acknowledged at the latest this long after the first of them, milliseconds. Rarely, because each
 * acknowledgement wakes the hub, and half of the credit is acknowledged at once anyway.
 */
export const ACK_INTERVAL_MS = 30_000;
/** Frames that may be sent at once. After them, one in {@link SEND_SPACING_MS}. */
export const SEND_BURST = 12;
/** Milliseconds. With the burst that is at most 53 frames in 10 s; the hub accepts 60. */
const SEND_SPACING_MS = 250;

const encoder = new TextEncoder();

/**
 * The frames that one connection sends. At most one subscription and one acknowledgement wait; a newer one
 * replaces it, because only the newest of each matters.
 */
export class Outbox {
  readonly #send: (text: string) => void;
  readonly #credit: Credit;
  readonly #timer = new Timer();
  #channelIds: readonly string[] | undefined;
  #seq: number | undefined;
  #events = 0;
  #bytes = 0;
  /** When the next frame would be due if every frame had waited for the spacing; milliseconds since 1970. */
  #spacedUntil = 0;
  /** When the timer runs; milliseconds since 1970. */
  #due = Number.POSITIVE_INFINITY;

  constructor(credit: Credit, send: (text: string) => void) {
    this.#credit = credit;
    this.#send = send;
  }

  /**
   * Counts received events. They are acknowledged at once when they are half of the credit, else after a while.
   * @param seq of the last event
   * @param frame the text of the frame that brought them
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

  /** Subscribes to these channels; an empty list: to all. */
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
    const at = Math.max(now + ms, this.#spacedUntil - (SEND_BURST - 1) * SEND_SPACING_MS);
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
      this.#sendFrame({ type: "subscribe", channelIds: this.#channelIds });
      this.#channelIds = undefined;
    }
    if (this.#seq !== undefined) {
      this.#sendFrame({ type: "ack", seq: this.#seq });
      this.#seq = undefined;
      this.#events = this.#bytes = 0;
    }
  }

  #sendFrame(frame: object): void {
    this.#spacedUntil = Math.max(Date.now(), this.#spacedUntil) + SEND_SPACING_MS;
    this.#send(JSON.stringify(frame));
  }
}
