/** What is taken is acknowledged after this time at the latest, milliseconds; half a window at the least. */
const ACK_AFTER_MS = 2_000;

/** When a client acknowledges. */
export class Acknowledging {
  readonly #send: (seq: number) => void;
  #windowBytes = Number.POSITIVE_INFINITY;
  #windowEvents = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #events = 0;
  #seq = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (seq: number) => void) {
    this.#send = send;
  }

  /** A connection was opened, and this is its window. */
  start(window: { readonly windowBytes: number; readonly windowEvents: number }): void {
    this.stop();
    this.#windowBytes = window.windowBytes;
    this.#windowEvents = window.windowEvents;
  }

  /** So many events came, of so many bytes, the last one with this seq. */
  took(events: number, bytes: number, seq: number): void {
    this.#events += events;
    this.#bytes += bytes;
    this.#seq = seq;
    if (this.#events * 2 >= this.#windowEvents || this.#bytes * 2 >= this.#windowBytes) {
      this.acknowledge(seq);
    } else this.#timer ??= setTimeout(() => this.acknowledge(this.#seq), ACK_AFTER_MS).unref();
  }

  /** Everything up to this seq has been taken. */
  acknowledge(seq: number): void {
    this.stop();
    this.#send(seq);
  }

  /** Nothing is to be acknowledged. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#bytes = 0;
    this.#events = 0;
  }
}
