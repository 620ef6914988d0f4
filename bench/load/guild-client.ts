import type { Client, Entry, Send } from "./client.ts";

/** Stands in the first frame of a connection that was let in. */
export const AUTHENTICATED = '"auth.ok"';
const AUTHENTICATED_BYTES = Buffer.from(AUTHENTICATED);

/** The exact ping of the protocol: the runtime answers it. */
export const PING = '{"type":"ping"}';

/** What is taken is acknowledged after this time at the latest, milliseconds; half of it at the least. */
const ACK_AFTER_MS = 4_000;

/** Where a client stands in the stream. */
export type Position = { readonly epoch: string; readonly seq: number };

/** The first frame as far as a client needs it; the limits are absent where there is no credit. */
type AuthOk = {
  readonly epoch: string;
  readonly seq: number;
  readonly retryWindowMs?: number;
  readonly limits: { readonly windowBytes?: number; readonly windowEvents?: number };
};

/**
 * A well-behaved client of GuildHub: it acknowledges after half of the window that it was given, or
 * some seconds after the first event that it has not acknowledged, and comes back with its position.
 */
export class GuildClient implements Client {
  readonly entry: () => Promise<Entry>;
  readonly ping = PING;
  /** The last event that it has; null: it never had one. */
  #position: Position | null = null;
  #greeted = false;
  #windowEvents = Number.POSITIVE_INFINITY;
  #windowBytes = Number.POSITIVE_INFINITY;
  #events = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #retryWindowMs = 0;

  /** @param entryAt how to connect, new or with a position */
  constructor(entryAt: (position: Position | null) => Promise<Entry>) {
    this.entry = () => {
      this.#greeted = false;
      this.#forgetUnacknowledged();
      return entryAt(this.#position);
    };
  }

  see(payload: Buffer): void {
    if (this.#greeted || !payload.includes(AUTHENTICATED_BYTES)) return;
    this.#greeted = true;
    const { epoch, seq, limits, retryWindowMs } = JSON.parse(payload.toString()) as AuthOk;
    this.#position ??= { epoch, seq };
    this.#windowEvents = limits.windowEvents ?? Number.POSITIVE_INFINITY;
    this.#windowBytes = limits.windowBytes ?? Number.POSITIVE_INFINITY;
    this.#retryWindowMs = retryWindowMs ?? 0;
  }

  /** 0: the server has not said. */
  get retryWindowMs(): number {
    return this.#retryWindowMs;
  }

  took(events: number, bytes: number, lastSeq: number, send: Send): void {
    if (this.#position !== null) this.#position = { epoch: this.#position.epoch, seq: lastSeq };
    this.#events += events;
    this.#bytes += bytes;
    if (this.#events * 2 >= this.#windowEvents || this.#bytes * 2 >= this.#windowBytes) {
      this.#acknowledge(send);
    } else if (this.#timer === null && Number.isFinite(this.#windowEvents)) {
      const delay = ACK_AFTER_MS * (1 + Math.random()) * 0.5;
      this.#timer = setTimeout(() => this.#acknowledge(send), delay).unref();
    }
  }

  mark(): () => void {
    const position = this.#position;
    return () => {
      this.#position = position;
    };
  }

  #acknowledge(send: Send): void {
    this.#forgetUnacknowledged();
    if (this.#position === null) return;
    send(JSON.stringify({ type: "ack", seq: this.#position.seq }));
  }

  #forgetUnacknowledged(): void {
    this.#events = 0;
    this.#bytes = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
