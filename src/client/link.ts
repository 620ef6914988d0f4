import { EVENT_STREAM_KEEP_ALIVE_MS } from "../protocol/limits.ts";
import type { EventStream } from "./api.ts";
import { readEventStream } from "./event-stream.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { SocketLike } from "./network.ts";
import { Outbox } from "./outbox.ts";
import type { Credit } from "./server-frame.ts";
import type { Carrier } from "./stream-item.ts";
import { Timer } from "./timer.ts";

/** A connection attempt that makes no progress for this long is aborted, milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** A stream over HTTP that is silent for this long counts as lost, milliseconds: two keep-alives and 2 s. */
export const HTTP_SILENCE_MS = 2 * EVENT_STREAM_KEEP_ALIVE_MS + 2_000;
/** The same at a {@link Link.probe}, milliseconds: one keep-alive is overdue. */
const HTTP_PROBE_SILENCE_MS = EVENT_STREAM_KEEP_ALIVE_MS + 2_000;

/** The close code of a connection that ended without a close frame (RFC 6455 §7.4.1). */
const ABNORMAL = 1006;

const SILENT = "The server has gone silent.";

/** The listeners of a connection. None is called after {@link Link.close}. */
export type LinkListeners = {
  readonly onMessage: (data: unknown) => void;
  /** @param why absent: the reason of the code */
  readonly onEnd: (code: number, why?: string) => void;
};

/** One connection over either carrier, from the request for a ticket to its end. */
export class Link {
  readonly over: Carrier;
  /** The token that the hub last got for this connection. */
  token = "";
  epoch = "";
  /** The hub's seq when it accepted us. */
  head = 0;
  /** Events received on this connection. */
  events = 0;
  /** When the client had caught up; milliseconds since 1970. */
  liveSince: number | undefined;
  /** Only over a WebSocket, once accepted. */
  outbox: Outbox | undefined;
  readonly #listeners: LinkListeners;
  readonly #abort = new AbortController();
  readonly #deadline = new Timer();
  #socket: SocketLike | undefined;
  #heartbeat: Heartbeat | undefined;
  #accepted = false;
  /** When anything was last received; milliseconds since 1970. */
  #receivedAt = 0;

  constructor(over: Carrier, listeners: LinkListeners) {
    this.over = over;
    this.#listeners = listeners;
    this.#expectMore();
  }

  /** Aborted when the connection is closed. */
  get closed(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the hub has accepted the client on this connection. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** Opens the WebSocket. */
  openSocket(open: (url: string) => SocketLike, url: string): void {
    try {
      const socket = open(url);
      this.#socket = socket;
      socket.addEventListener("message", ({ data }) => {
        this.#receive(data);
      });
      socket.addEventListener("close", ({ code }) => {
        this.#end(code);
      });
      // A close event follows. Without an error listener the `ws` package would end the program.
      socket.addEventListener("error", () => {});
    } catch {
      this.#end(ABNORMAL);
    }
  }

  /** Reads the stream from an HTTP response; resolves at its end. */
  async read(stream: EventStream): Promise<void> {
    try {
      await readEventStream(
        stream.body,
        (event, data) => {
          // The closing message ends it, because a proxy may keep the response open.
          if (event === "close") this.#end((JSON.parse(data) as { readonly code: number }).code);
          else this.#receive(data);
        },
        () => {
          this.#expectMore();
        },
      );
    } catch {
      // A broken response is handled like an end without a closing message.
    }
    this.#end(ABNORMAL);
  }

  /** Call it when the hub has accepted the client. */
  accept(epoch: string, head: number, credit: Credit): void {
    this.#accepted = true;
    this.epoch = epoch;
    this.head = head;
    if (this.#socket === undefined) return;
    this.outbox = new Outbox(credit, (text) => {
      this.send(text);
    });
    this.#heartbeat = new Heartbeat(
      (text) => {
        this.send(text);
      },
      () => {
        this.#end(ABNORMAL, SILENT);
      },
    );
  }

  /** Call it when the client has caught up. */
  live(now: number): void {
    this.liveSince = now;
    this.#deadline.clear();
    this.#expectMore();
  }

  /** Sends a frame now. Over HTTP it does nothing. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /**
   * Checks whether the server is still there. Over HTTP there is no ping, but a page that was in the background
   * can notice an overdue keep-alive.
   */
  probe(): void {
    this.#heartbeat?.probe();
    const isLate = Date.now() - this.#receivedAt > HTTP_PROBE_SILENCE_MS;
    if (this.over === "http" && this.liveSince !== undefined && isLate) this.#end(ABNORMAL, SILENT);
  }

  /** Closes the connection. No listener is called any more. */
  close(code?: number): void {
    this.#abort.abort();
    this.#deadline.clear();
    this.#heartbeat?.stop();
    this.outbox?.stop();
    this.#socket?.close(code);
  }

  #receive(data: unknown): void {
    if (this.closed.aborted) return;
    this.#heartbeat?.alive();
    this.#expectMore();
    this.#listeners.onMessage(data);
  }

  #end(code: number, why?: string): void {
    if (!this.closed.aborted) this.#listeners.onEnd(code, why);
  }

  /** Restarts the deadline for the next data. A live WebSocket needs none, because it has pings. */
  #expectMore(): void {
    this.#receivedAt = Date.now();
    const live = this.liveSince !== undefined;
    if (this.closed.aborted || (live && this.over === "websocket")) return;
    this.#deadline.set(live ? HTTP_SILENCE_MS : CONNECT_TIMEOUT_MS, () => {
      this.#end(ABNORMAL, live ? SILENT : "The server did not answer in time.");
    });
  }
}
