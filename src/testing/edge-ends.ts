import type { EdgeSocket, SocketEnd } from "../hub/edge/edge-socket.ts";
import type { Timer } from "../platform/clock.ts";
import type { VirtualTime } from "./virtual-time.ts";

type Event = { readonly data: unknown } & SocketEnd;

/** Size limit of a close reason, bytes (RFC 6455 §5.5). */
const REASON_MAX_BYTES = 123;
/** Close codes that must not be sent (RFC 6455 §7.4.1). */
const RESERVED_CODES: ReadonlySet<number> = new Set([1004, 1005, 1006, 1015]);

/** The Worker's end of a WebSocket, without a network. It refuses what workerd refuses. */
class WorkerEnd implements EdgeSocket {
  readyState: number = WebSocket.OPEN;
  /** As in the runtime, which gives binary frames as a Blob unless it is told otherwise. */
  binaryType: WebSocket["binaryType"] = "blob";
  isAccepted = false;
  wasLost = false;
  answersClose = true;
  readonly heard: string[] = [];
  closed: SocketEnd | null = null;
  readonly #listeners: { readonly type: string; readonly listen: (event: Event) => void }[] = [];
  /** What arrived before it was accepted. */
  readonly #early: (string | ArrayBuffer)[] = [];

  addEventListener(type: string, listen: (event: Event) => void): void {
    this.#listeners.push({ type, listen });
  }

  accept(): void {
    if (this.isAccepted) throw new TypeError("the socket was accepted before");
    this.isAccepted = true;
    queueMicrotask(() => this.#drain());
  }

  send(text: string | ArrayBuffer | ArrayBufferView): void {
    if (!this.isAccepted) throw new TypeError("the socket was not accepted");
    if (this.readyState !== WebSocket.OPEN) throw new TypeError("the socket is not open");
    this.heard.push(typeof text === "string" ? text : `${text.byteLength} bytes`);
  }

  close(code = 1000, reason = ""): void {
    if (!this.isAccepted) throw new TypeError("the socket was not accepted");
    if (RESERVED_CODES.has(code)) throw new TypeError(`the close code ${code} must not be sent`);
    if (Buffer.byteLength(reason) > REASON_MAX_BYTES) throw new TypeError("the reason is too long");
    if (this.readyState === WebSocket.CLOSED) return;
    const isAnswer = this.readyState === WebSocket.CLOSING;
    this.closed ??= { code, reason };
    this.readyState = isAnswer ? WebSocket.CLOSED : WebSocket.CLOSING;
    // The other end answers a moment later.
    if (!isAnswer && this.answersClose) queueMicrotask(() => this.answer());
  }

  answer(): void {
    if (this.closed !== null) this.ended(WebSocket.CLOSED, this.closed);
  }

  receive(data: string | ArrayBuffer): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.#early.push(data);
    if (this.isAccepted) this.#drain();
  }

  ended(readyState: number, end: SocketEnd): void {
    if (this.isAccepted) this.#drain();
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = readyState;
    this.tell("close", end);
  }

  #drain(): void {
    for (const frame of this.#early.splice(0)) {
      const isBlob = typeof frame !== "string" && this.binaryType === "blob";
      this.tell("message", { data: isBlob ? new Blob([frame]) : frame });
    }
  }

  tell(type: string, event: Partial<Event>): void {
    for (const one of this.#listeners) {
      if (one.type === type) one.listen({ data: null, code: 0, reason: "", ...event });
    }
  }
}

/** The other end of a WebSocket of the Worker: a client, or a hub. */
export class FarEnd {
  readonly #worker = new WorkerEnd();

  /** The Worker's own end. */
  get worker(): EdgeSocket {
    return this.#worker;
  }

  /** The frames that the Worker has sent. Binary ones only with their length. */
  get heard(): readonly string[] {
    return this.#worker.heard;
  }

  /** How the Worker has closed, or has answered a close; null: it has not. */
  get closed(): SocketEnd | null {
    return this.#worker.closed;
  }

  /** Whether the connection was lost. */
  get wasLost(): boolean {
    return this.#worker.wasLost;
  }

  /** Whether the Worker reads what is sent. */
  get isAccepted(): boolean {
    return this.#worker.isAccepted;
  }

  /** Leaves a close of the Worker unanswered until {@link answer}. */
  ignoreClose(): this {
    this.#worker.answersClose = false;
    return this;
  }

  /** Answers the close of the Worker. */
  answer(): this {
    this.#worker.answer();
    return this;
  }

  /** Sends the Worker a frame. */
  say(data: string | ArrayBuffer): this {
    this.#worker.receive(data);
    return this;
  }

  /** Closes. The Worker has not answered yet. */
  end(code: number, reason = "because"): this {
    this.#worker.ended(WebSocket.CLOSING, { code, reason });
    return this;
  }

  /** The connection is lost. */
  breakOff(): this {
    if (this.#worker.readyState === WebSocket.CLOSED) return this;
    this.#worker.readyState = WebSocket.CLOSED;
    this.#worker.wasLost = true;
    this.#worker.tell("error", {});
    this.#worker.tell("close", { code: 1006, reason: "" });
    return this;
  }
}

/** Timers of a virtual clock, of which one can see how many run. */
export class VirtualTimers {
  /** How many have neither run nor been cancelled. */
  running = 0;
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  readonly timer: Timer = (ms, run) => {
    let isOver = false;
    const over = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.running -= 1;
      return true;
    };
    this.running += 1;
    this.#time.after(ms, () => {
      if (over()) run();
    });
    return () => void over();
  };
}
