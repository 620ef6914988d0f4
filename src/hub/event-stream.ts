import { CLOSE_CODES, reconnectAfter } from "../protocol/close-codes.ts";
import { UNACKNOWLEDGED_BYTES_MAX } from "../protocol/limits.ts";
import { markOf } from "./frame-mark.ts";
import { SSE_CLOSE_EVENT, sseMessage } from "./http/sse.ts";

/** Messages are sent in chunks of up to this length, characters: each chunk costs a round trip. */
const CHUNK_LENGTH = 64 * 1024;

/** Shortest wait before an `EventSource` reconnects, milliseconds. A random part of the window is added. */
const RETRY_MIN_MS = 1_000;

/** What an {@link EventStream} reports to its owner, and what it needs from it. */
export type EventStreamPorts = {
  /**
   * Resolves when everything written so far is on disk (`ctx.storage.sync`). The stream waits for it before it
   * sends bytes: for WebSocket messages the runtime does this itself, but not for the later chunks of a response
   * body (HUB-2).
   */
  readonly stored: () => Promise<void>;
  /**
   * The consumer has taken every message up to the event `seq`: an acknowledgement that the client can neither
   * forge nor forget. `seq` was always sent before. The callback may call `send`.
   */
  readonly onTaken: (seq: number) => void;
  /**
   * The stream has ended: the consumer left, or {@link EventStream.close} was called (then before it returns).
   * Called once.
   */
  readonly onGone: () => void;
  /** From 0 up to 1, to spread the reconnects of clients. */
  readonly random: () => number;
};

/**
 * The hub's side of one Server-Sent-Events client. It replaces a WebSocket, so that audience, expiry, limits and
 * resume are the same code (see `routes/events.ts`).
 *
 * It accepts frames like a socket and turns them into messages, with an `id` where a frame moves the client's
 * position. It cannot hibernate: it ends with the object, and the client resumes.
 *
 * Flow control is exact here, because no layer below buffers: bytes leave the queue only when the consumer pulls,
 * and a further pull proves that it has the bytes before. So {@link EventStreamPorts.onTaken} replaces the
 * client's `ack`, and a stalled reader costs only the memory of the queue. The hub's credit window keeps the queue
 * short. `UNACKNOWLEDGED_BYTES_MAX` bounds it if the hub ignores the window.
 */
export class EventStream {
  /** Body of the answer (`text/event-stream`). */
  readonly readable: ReadableStream<Uint8Array>;
  /** A socket carries this through hibernation. Here it is only in memory. */
  attachment: unknown = null;

  readonly #ports: EventStreamPorts;
  readonly #encoder = new TextEncoder();
  #queue: Queued[] = [];
  #queuedLength = 0;
  #epoch = "";
  /** seq of the newest event that was sent and not yet reported as taken. */
  #handedOut: number | null = null;
  #wake: (() => void) | null = null;
  #state: "open" | "closing" | "gone" = "open";
  /** The last message, until the consumer pulls it. */
  #farewell = "";

  constructor(ports: EventStreamPorts) {
    this.#ports = ports;
    this.readable = new ReadableStream(
      {
        pull: (controller) => this.#handOut(controller),
        cancel: () => this.#end("gone"),
      },
      // No prefetching: a pull then means that the consumer has taken everything before.
      { highWaterMark: 0 },
    );
  }

  /** Whether frames can still be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Sends one frame, as a WebSocket would. Does nothing after the end. */
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
   * Ends the stream with a last message that says why. The queue is dropped: this frees its memory at once, and
   * a client that lost its access gets nothing more. Other clients resume and get these events then.
   */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    const data = JSON.stringify({ code, reason, reconnect: reconnectAfter(code) });
    this.#farewell = sseMessage({ event: SSE_CLOSE_EVENT, data });
    this.#end("closing");
  }

  async #handOut(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    // This pull proves that the consumer has the chunk before.
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
    // The stream may have ended meanwhile. This chunk is dropped then, too.
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
