import { Acknowledging } from "../../dev/testing/wire/acknowledging.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import type { Client, Entry, Send } from "./client.ts";

/** Stands in the first frame of a connection that was let in. */
export const AUTHENTICATED = '"auth.ok"';
const AUTHENTICATED_BYTES = Buffer.from(AUTHENTICATED);

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
  readonly ping = PING_FRAME;
  /** The last event that it has; null: it never had one. */
  #position: Position | null = null;
  readonly #acknowledging = new Acknowledging();
  #greeted = false;
  #retryWindowMs = 0;

  /** @param entryAt how to connect, new or with a position */
  constructor(entryAt: (position: Position | null) => Promise<Entry>) {
    this.entry = () => {
      this.#greeted = false;
      this.#acknowledging.stop();
      return entryAt(this.#position);
    };
  }

  see(payload: Buffer): void {
    if (this.#greeted || !payload.includes(AUTHENTICATED_BYTES)) return;
    this.#greeted = true;
    const { epoch, seq, limits, retryWindowMs } = JSON.parse(payload.toString()) as AuthOk;
    this.#position ??= { epoch, seq };
    this.#acknowledging.start(limits);
    this.#retryWindowMs = retryWindowMs ?? 0;
  }

  /** 0: the server has not said. */
  get retryWindowMs(): number {
    return this.#retryWindowMs;
  }

  took(events: number, bytes: number, lastSeq: number, send: Send): void {
    if (this.#position !== null) this.#position = { epoch: this.#position.epoch, seq: lastSeq };
    this.#acknowledging.took(events, bytes, lastSeq, send);
  }

  mark(): () => void {
    const position = this.#position;
    return () => {
      this.#position = position;
    };
  }
}
