/** An event is acknowledged after at most this time, and at least half of it, milliseconds. */
const ACK_AFTER_MS = 4_000;

/** @param seq that the frame acknowledges */
type Send = (text: string, seq: number) => void;

/** Acknowledges as a well-behaved client does: after half of its window, or some seconds after an event. */
export class Acknowledging {
  #windowBytes = Number.POSITIVE_INFINITY;
  #windowEvents = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #events = 0;
  #seq = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #random: () => number;

  /** @param random from 0 up to 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Begins a new connection with this window. A server without credit has none. */
  start(window: { readonly windowBytes?: number; readonly windowEvents?: number }): void {
    this.stop();
    this.#windowBytes = window.windowBytes ?? Number.POSITIVE_INFINITY;
    this.#windowEvents = window.windowEvents ?? Number.POSITIVE_INFINITY;
  }

  /** Counts received events and bytes. @param seq of the last event */
  took(events: number, bytes: number, seq: number, send: Send): void {
    this.#events += events;
    this.#bytes += bytes;
    this.#seq = seq;
    if (this.#events * 2 >= this.#windowEvents || this.#bytes * 2 >= this.#windowBytes) {
      this.acknowledge(seq, send);
    } else if (this.#timer === null && Number.isFinite(this.#windowEvents)) {
      const delay = ACK_AFTER_MS * (1 + this.#random()) * 0.5;
      this.#timer = setTimeout(() => this.acknowledge(this.#seq, send), delay).unref();
    }
  }

  /** Acknowledges everything up to this seq now. */
  acknowledge(seq: number, send: Send): void {
    this.stop();
    send(JSON.stringify({ type: "ack", seq }), seq);
  }

  /** Drops a planned acknowledgement. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#bytes = 0;
    this.#events = 0;
  }
}
