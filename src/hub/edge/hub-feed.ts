import { within } from "../../platform/clock.ts";
import { CLOSE_CODES, type CloseName } from "../../protocol/close-codes.ts";
import { type EdgeSocket, LOST, type SocketEnd } from "./edge-socket.ts";
import { type FrameMark, markOf } from "./frame-mark.ts";
import { MARKED_PART } from "./sent-window.ts";

/** Frames are handed out in portions of up to this length, characters. */
const PORTION_LENGTH = 64 * 1024;

/** A frame of the hub. */
export type FeedFrame = { readonly text: string; readonly mark: FrameMark };

/** What {@link HubFeed.take} gives. */
export type Portion =
  | { readonly kind: "frames"; readonly frames: readonly FeedFrame[] }
  /** Nothing has arrived within the time. */
  | { readonly kind: "quiet" }
  /** The hub has closed the socket, or was lost (1006). Frames that were not taken are dropped. */
  | ({ readonly kind: "ended" } & SocketEnd)
  /** {@link HubFeed.leave} was called. */
  | { readonly kind: "left" };

type Over = Extract<Portion, { readonly kind: "ended" | "left" }>;

/**
 * The Worker's end of the socket that carries the stream of one HTTP client (HUB-19). The hub's end hibernates, so
 * the client costs its hub nothing while it is quiet.
 *
 * Flow control goes from end to end. The client takes portions, and taking the next one shows that it has the one
 * before. Only then that portion is acknowledged to the hub, which sends at most a window beyond it. So a client
 * that stalls costs its window in the hub, and at most one window here.
 */
export class HubFeed {
  readonly #socket: EdgeSocket;
  #window = { bytes: Number.POSITIVE_INFINITY, events: Number.POSITIVE_INFINITY };
  #waiting: FeedFrame[] = [];
  #waitingLength = 0;
  /** Handed out, and not known to have reached the client. */
  #handedOut: readonly FeedFrame[] = [];
  /** Length and number of the frames that the client took since the last acknowledgement. */
  #takenLength = 0;
  #takenFrames = 0;
  /** The client's position; null: none yet. */
  #seq: number | null = null;
  #over: Over | null = null;
  #wake: () => void = () => {};

  /** Accepts the socket. */
  constructor(socket: EdgeSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      this.#end({ kind: "ended", code, reason });
    });
    socket.addEventListener("error", () => this.#end({ kind: "ended", code: LOST, reason: "" }));
    socket.accept();
  }

  /**
   * Takes what has arrived, or waits for it. The client has everything that was taken before. Call it again only
   * after it has resolved.
   * @param quietMs how long to wait, milliseconds; absent: until something arrives, or the end
   */
  async take(quietMs?: number): Promise<Portion> {
    this.#acknowledge();
    if (this.#over === null && this.#waiting.length === 0) await this.#something(quietMs);
    if (this.#over !== null) return this.#over;
    if (this.#waiting.length === 0) return { kind: "quiet" };
    let length = 0;
    let count = 0;
    for (const { text } of this.#waiting) {
      if (count > 0 && length + text.length > PORTION_LENGTH) break;
      length += text.length;
      count += 1;
    }
    const frames = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingLength -= length;
    this.#handedOut = frames;
    return { kind: "frames", frames };
  }

  /** Closes the socket. Nothing more is taken. Does nothing after the end. */
  leave(why: Extract<CloseName, "normal" | "goingAway">): void {
    if (this.#over === null) this.#close(why, { kind: "left" });
  }

  #receive(text: string): void {
    if (this.#over !== null) return;
    const mark = markOf(text);
    if (mark.window !== undefined) this.#window = mark.window;
    // A hub that has slept does not know any more what it had sent, and begins a new window.
    if (mark.hasEvents === true && !this.#fits(text)) {
      const { code, meaning } = CLOSE_CODES.overloaded;
      this.#close("overloaded", { kind: "ended", code, reason: meaning });
      return;
    }
    this.#waiting.push({ text, mark });
    this.#waitingLength += text.length;
    this.#wake();
  }

  #fits(text: string): boolean {
    const { length } = this.#waiting;
    if (length === 0) return true;
    const { bytes, events } = this.#window;
    return this.#waitingLength + text.length <= bytes && length < events;
  }

  #acknowledge(): void {
    for (const { text, mark } of this.#handedOut) {
      this.#takenLength += text.length;
      this.#takenFrames += 1;
      this.#seq = mark.seq ?? this.#seq;
    }
    this.#handedOut = [];
    const { bytes, events } = this.#window;
    const isDue =
      this.#takenLength >= bytes * MARKED_PART || this.#takenFrames >= events * MARKED_PART;
    if (!isDue || this.#seq === null || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#takenLength = 0;
    this.#takenFrames = 0;
    this.#socket.send(JSON.stringify({ type: "ack", seq: this.#seq }));
  }

  async #something(quietMs: number | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await (quietMs === undefined ? promise : within(quietMs, promise, () => undefined));
  }

  #close(why: CloseName, over: Over): void {
    const { code, meaning } = CLOSE_CODES[why];
    this.#end(over);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, meaning);
  }

  #end(over: Over): void {
    if (this.#over !== null) return;
    this.#over = over;
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#wake();
  }
}
