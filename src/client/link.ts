import { EVENT_STREAM_KEEP_ALIVE_MS } from "../protocol/limits.ts";
import type { EventStream } from "./api.ts";
import { readEventStream } from "./event-stream.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { SocketLike } from "./network.ts";
import { Outbox } from "./outbox.ts";
import type { Credit } from "./server-frame.ts";
import type { Carrier } from "./stream-item.ts";
import { Timer } from "./timer.ts";

/** Without any progress for this long, a connection that is being made is given up, milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** A stream over HTTP that says nothing for this long is gone, milliseconds: two keep-alives and some. */
export const HTTP_SILENCE_MS = 2 * EVENT_STREAM_KEEP_ALIVE_MS + 2_000;
/** The same when there is reason to doubt, milliseconds: one keep-alive is overdue. */
const HTTP_PROBE_SILENCE_MS = EVENT_STREAM_KEEP_ALIVE_MS + 2_000;

/** The code of a connection that ended without saying why. */
const ABNORMAL = 1006;

const SILENT = "The server has gone silent.";

/** Who hears of what a connection does. Nothing is told after {@link Link.close}. */
export type LinkEars = {
  readonly onMessage: (data: unknown) => void;
  /** @param why absent: what the code says */
  readonly onEnd: (code: number, why?: string) => void;
};

/** One connection, from the ticket to its end, over one or the other carrier. */
export class Link {
  readonly over: Carrier;
  /** Token that the hub knows this connection by. */
  token = "";
  epoch = "";
  /** The hub's seq when it accepted us. */
  head = 0;
  /** Events that it brought. */
  events = 0;
  /** Since when everything missed is here; milliseconds since 1970. */
  liveSince: number | undefined;
  /** Over a WebSocket, once accepted. */
  outbox: Outbox | undefined;
  readonly #ears: LinkEars;
  readonly #abort = new AbortController();
  readonly #deadline = new Timer();
  #socket: SocketLike | undefined;
  #heartbeat: Heartbeat | undefined;
  #accepted = false;
  /** When the last byte came; milliseconds since 1970. */
  #heardAt = 0;

  constructor(over: Carrier, ears: LinkEars) {
    this.over = over;
    this.#ears = ears;
    this.#expectMore();
  }

  /** Fires when it is closed. */
  get closed(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the hub has ever spoken. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** Carries it by a WebSocket. */
  openSocket(open: (url: string) => SocketLike, url: string): void {
    try {
      const socket = open(url);
      this.#socket = socket;
      socket.addEventListener("message", ({ data }) => {
        this.#hear(data);
      });
      socket.addEventListener("close", ({ code }) => {
        this.#end(code);
      });
      // Its close follows; without a listener the `ws` package would end the program.
      socket.addEventListener("error", () => {});
    } catch {
      this.#end(ABNORMAL);
    }
  }

  /** Carries it by an answer that goes on; resolves at its end. */
  async read(stream: EventStream): Promise<void> {
    try {
      await readEventStream(
        stream.body,
        (event, data) => {
          // Not at the end of the answer: something on the way may keep it open.
          if (event === "close") this.#end((JSON.parse(data) as { readonly code: number }).code);
          else this.#hear(data);
        },
        () => {
          this.#expectMore();
        },
      );
    } catch {
      // Broken off: the same as an end without a word.
    }
    this.#end(ABNORMAL);
  }

  /** The hub has let us in. */
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

  /** Everything missed is here. */
  live(now: number): void {
    this.liveSince = now;
    this.#deadline.clear();
    this.#expectMore();
  }

  /** Sends a frame now; over HTTP there is no way to. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /**
   * Asks whether the other end is still there. Over HTTP nothing can be asked, but a page that was in
   * the background sees only now that a keep-alive is missing.
   */
  probe(): void {
    this.#heartbeat?.probe();
    const isLate = Date.now() - this.#heardAt > HTTP_PROBE_SILENCE_MS;
    if (this.over === "http" && this.liveSince !== undefined && isLate) this.#end(ABNORMAL, SILENT);
  }

  /** Lets go of it; nothing of it is heard any more. */
  close(code?: number): void {
    this.#abort.abort();
    this.#deadline.clear();
    this.#heartbeat?.stop();
    this.outbox?.stop();
    this.#socket?.close(code);
  }

  #hear(data: unknown): void {
    if (this.closed.aborted) return;
    this.#heartbeat?.alive();
    this.#expectMore();
    this.#ears.onMessage(data);
  }

  #end(code: number, why?: string): void {
    if (!this.closed.aborted) this.#ears.onEnd(code, why);
  }

  /** A socket that is live has its pings; everything else must show progress. */
  #expectMore(): void {
    this.#heardAt = Date.now();
    const live = this.liveSince !== undefined;
    if (this.closed.aborted || (live && this.over === "websocket")) return;
    this.#deadline.set(live ? HTTP_SILENCE_MS : CONNECT_TIMEOUT_MS, () => {
      this.#end(ABNORMAL, live ? SILENT : "The server did not answer in time.");
    });
  }
}
