import { PING_FRAME } from "../../../src/protocol/frames.ts";
import { Acknowledging } from "../wire/acknowledging.ts";
import { openLeanSocket, ownAddress, type LeanSocket } from "../wire/lean-socket.ts";
import { SERVED_WITHIN_MS } from "./flood.ts";
import { Sequence } from "./sequence.ts";

/** How a reader shows what it has taken. */
type Shows = "acknowledges" | "pings" | "nothing";

/** How a reader connects. */
export type ReaderOptions = {
  readonly port: number;
  readonly token: string;
  readonly shows: Shows;
  /** Whether it takes batches. */
  readonly batch?: boolean;
  /** A reader that pings does it this often, milliseconds; absent: once, when it has connected. */
  readonly pingEveryMs?: number;
};

const EVENT = Buffer.from('{"v":1,"type":"event"');
const BATCH = Buffer.from('{"v":1,"type":"batch"');
const SEQ_KEY = Buffer.from('"seq":');

/**
 * A client on a plain TCP socket that can stop reading: then the kernel's buffers fill, and behind them
 * the server's. It takes a stream of which it may see every event.
 */
export class Reader {
  readonly sequence = new Sequence();
  readonly #options: ReaderOptions;
  readonly #acknowledging: Acknowledging | null;
  readonly #onEvent: () => void;
  readonly #send = (text: string): void => this.#socket?.send(text);
  #epoch: string | null = null;
  #socket: LeanSocket | null = null;
  #pinging: NodeJS.Timeout | null = null;
  /** Code of the last close; null: it is open, or was never. */
  closedWith: number | null = null;
  /** Times that it was given the whole state, and that it went on from where it was. */
  snapshots = 0;
  resumes = 0;

  /** @param onEvent is called for each event that it gets */
  constructor(options: ReaderOptions, onEvent: () => void = () => undefined) {
    this.#options = options;
    this.#onEvent = onEvent;
    this.#acknowledging = options.shows === "acknowledges" ? new Acknowledging() : null;
  }

  /** The port at its end, for {@link queuedBytes}. */
  get localPort(): number {
    return this.#socket?.localPort() ?? 0;
  }

  /** How many events it has; 0 before its state. */
  get seq(): number {
    return this.sequence.seq ?? 0;
  }

  /** Connects, the second time with its position, and waits for its state or the end of what it missed. */
  async connect(): Promise<void> {
    this.closedWith = null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error("the hub does not serve it")),
      SERVED_WITHIN_MS,
    );
    const served = this.snapshots + this.resumes;
    const { port, token, batch = false } = this.#options;
    const position = this.#epoch === null ? {} : { epoch: this.#epoch, seq: this.seq };
    const socket = openLeanSocket(
      {
        url: new URL(`ws://127.0.0.1:${port}/ws${batch ? "?batch=1" : ""}`),
        headers: ownAddress(),
        hello: JSON.stringify({ type: "auth", token, ...position }),
      },
      {
        onText: (payload) => {
          this.#take(payload);
          if (this.snapshots + this.resumes > served) resolve();
        },
        onClose: (code) => {
          // The one before may end when this one is open already.
          if (this.#socket === socket) this.closedWith = code;
          reject(new Error(`closed with ${code}`));
        },
        onRefused: (status) => reject(new Error(`the upgrade was refused with ${status}`)),
      },
    );
    this.#socket = socket;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
    this.#show();
  }

  /** Reads nothing any more; what it sends still goes. */
  stall(): void {
    this.#socket?.pause();
  }

  /** Reads again. */
  readOn(): void {
    this.#socket?.resume();
  }

  /** Leaves without a word. */
  leave(): void {
    if (this.#pinging !== null) clearInterval(this.#pinging);
    this.#acknowledging?.stop();
    this.#socket?.terminate();
  }

  #show(): void {
    const { shows, pingEveryMs } = this.#options;
    this.#acknowledging?.acknowledge(this.seq, this.#send);
    if (shows !== "pings") return;
    this.#send(PING_FRAME);
    if (pingEveryMs !== undefined) {
      this.#pinging ??= setInterval(() => this.#send(PING_FRAME), pingEveryMs).unref();
    }
  }

  #take(payload: Buffer): void {
    const before = this.sequence.events;
    if (startsWith(payload, EVENT)) this.#takeEvent(payload, payload.lastIndexOf(SEQ_KEY));
    else if (startsWith(payload, BATCH)) {
      let at = payload.indexOf(SEQ_KEY);
      for (; at >= 0; at = payload.indexOf(SEQ_KEY, at + 1)) this.#takeEvent(payload, at);
    } else this.#takeOther(payload);
    const events = this.sequence.events - before;
    if (events > 0) this.#acknowledging?.took(events, payload.length, this.seq, this.#send);
  }

  #takeEvent(payload: Buffer, at: number): void {
    const from = at + SEQ_KEY.length;
    this.sequence.take(Number.parseInt(payload.toString("latin1", from, from + 16), 10));
    this.#onEvent();
  }

  #takeOther(payload: Buffer): void {
    const frame = JSON.parse(payload.toString()) as OtherFrame;
    if (frame.event === "auth.ok") {
      this.#epoch = frame.epoch;
      this.#acknowledging?.start(frame.limits);
    }
    if (frame.type === "snapshot") {
      this.snapshots += 1;
      this.sequence.start(frame.seq);
    } else if (frame.type === "resumed") this.resumes += 1;
    else if (frame.type === "error") this.sequence.faults.push(payload.toString());
  }
}

type OtherFrame = {
  readonly type: string;
  readonly event?: string;
  readonly epoch: string;
  readonly seq: number;
  readonly limits: { readonly windowBytes: number; readonly windowEvents: number };
};

function startsWith(payload: Buffer, start: Buffer): boolean {
  return (
    payload.length >= start.length && payload.compare(start, 0, start.length, 0, start.length) === 0
  );
}
