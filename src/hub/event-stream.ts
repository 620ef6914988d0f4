import { CLOSE_CODES, reconnectAfter } from "../protocol/close-codes.ts";
import { UNACKNOWLEDGED_BYTES_MAX } from "../protocol/limits.ts";
import { markOf } from "./frame-mark.ts";
import { SSE_CLOSE_EVENT, sseMessage } from "./http/sse.ts";

/** Messages are handed out together up to this length, characters: each hand-out is a round trip. */
const CHUNK_LENGTH = 64 * 1024;

/** Least time until an `EventSource` comes back, milliseconds; the server's window comes on top. */
const RETRY_MIN_MS = 1_000;

/** What an {@link EventStream} tells its owner, and what it needs of it. */
export type EventStreamPorts = {
  /**
   * Resolves when everything written so far is on disk (`ctx.storage.sync`). Awaited before bytes are
   * handed out: the runtime promises as much for WebSocket messages, but not for the later chunks of a
   * body (HUB-2).
   */
  readonly stored: () => Promise<void>;
  /**
   * The consumer has taken every message up to the event `seq`: an acknowledgement that it cannot
   * forge or forget. Never called with a seq that was not sent; a `send` from inside is fine.
   */
  readonly onTaken: (seq: number) => void;
  /**
   * It is over: the consumer left, or {@link EventStream.close} was called (then before it returns).
   * Called once.
   */
  readonly onGone: () => void;
  /** From 0 up to 1, to spread the clients that come back. */
  readonly random: () => number;
};

/**
 * The hub's side of one Server-Sent-Events client: stands in the place of a WebSocket, so that audience,
 * expiry, limits and resume are the same code (see `routes/events.ts`).
 *
 * It takes frames as a socket does and makes messages of them, with an `id` where a frame moves the
 * client's position. It cannot hibernate: it dies with the object, and the client resumes.
 *
 * Flow control is exact here. Nothing is buffered below: bytes leave the queue only when the consumer
 * asks for them, and when it asks for more it has the ones before. So {@link EventStreamPorts.onTaken}
 * replaces the client's `ack`, and the queue is what a stalled reader costs. The hub's credit window
 * keeps it short; a hub that sent on regardless would meet `UNACKNOWLEDGED_BYTES_MAX`.
 */
export class EventStream {
  /** Body of the answer (`text/event-stream`). */
  readonly readable: ReadableStream<Uint8Array>;
  /** What a socket carries through hibernation; here it only stands in memory. */
  attachment: unknown = null;

  readonly #ports: EventStreamPorts;
  readonly #encoder = new TextEncoder();
  #queue: Queued[] = [];
  #queuedLength = 0;
  #epoch = "";
  /** Newest event in what was handed out and not yet reported as taken. */
  #handedOut: number | null = null;
  #wake: (() => void) | null = null;
  #state: "open" | "closing" | "gone" = "open";
  /** The closing message, while it waits to be taken. */
  #farewell = "";

  constructor(ports: EventStreamPorts) {
    this.#ports = ports;
    this.readable = new ReadableStream(
      {
        pull: (controller) => this.#handOut(controller),
        cancel: () => this.#end("gone"),
      },
      // Nothing ahead of what is asked for: what was pulled has been taken.
      { highWaterMark: 0 },
    );
  }

  /** Whether it still takes frames. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Sends one frame, as a WebSocket would. After the end it does nothing. */
  send(text: string): void {
    if (!this.isOpen) return;
    const { epoch, seq, retryWindowMs } = markOf(text);
    if (epoch !== undefined) this.#epoch = epoch;
    const message = sseMessage({
      data: text,
      ...(seq === undefined ? {} : { id: `${this.#epoch}:${seq}` }),
      ...(retryWindowMs === undefined
        ? {}
        : { retry: RETRY_MIN_MS + Math.round(this.#ports.random() * retryWindowMs) }),
    });
    this.#queue.push({ message, seq: seq ?? null });
    this.#queuedLength += message.length;
    if (this.#queuedLength > UNACKNOWLEDGED_BYTES_MAX) {
      const { code, meaning } = CLOSE_CODES.overloaded;
      this.close(code, meaning);
    } else this.#wakeUp();
  }

  /**
   * Ends the stream with a last message that says why. What was not taken yet is dropped, which frees
   * its memory at once and gives nothing more to who was shut out; the others resume and get it then.
   */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    const data = JSON.stringify({ code, reason, reconnect: reconnectAfter(code) });
    this.#farewell = sseMessage({ event: SSE_CLOSE_EVENT, data });
    this.#end("closing");
  }

  async #handOut(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    // Whoever asks for more has what it got before.
    const taken = this.#handedOut;
    this.#handedOut = null;
    if (taken !== null && this.isOpen) this.#ports.onTaken(taken);
    if (this.isOpen && this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const { text, seq } = this.#takeChunk();
    try {
      if (text !== "") await this.#ports.stored();
    } catch (error) {
      this.#end("gone");
      throw error;
    }
    // It may have ended meanwhile, and then what was in hand is dropped as well.
    switch (this.#state) {
      case "open":
        this.#handedOut = seq;
        controller.enqueue(this.#encoder.encode(text));
        break;
      case "closing":
        controller.enqueue(this.#encoder.encode(this.#farewell));
        controller.close();
        break;
      case "gone":
    }
  }

  #takeChunk(): { readonly text: string; readonly seq: number | null } {
    let text = "";
    let seq: number | null = null;
    let count = 0;
    for (const queued of this.#queue) {
      if (text !== "" && text.length + queued.message.length > CHUNK_LENGTH) break;
      text += queued.message;
      seq = queued.seq ?? seq;
      count += 1;
    }
    this.#queue = this.#queue.slice(count);
    this.#queuedLength -= text.length;
    return { text, seq };
  }

  #end(state: "closing" | "gone"): void {
    if (this.#state === "gone") return;
    const wasOpen = this.isOpen;
    this.#state = state;
    this.#queue = [];
    this.#queuedLength = 0;
    this.#wakeUp();
    if (wasOpen) this.#ports.onGone();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

type Queued = { readonly message: string; readonly seq: number | null };
