import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { ownAddress } from "../load/client-socket.ts";
import { FrameReader, maskedText } from "../load/frame-reader.ts";
import { PING } from "../load/guild-client.ts";
import { DEADLINE_MS } from "../plan.ts";
import { Acknowledging } from "./acknowledging.ts";
import { Sequence } from "./sequence.ts";

/** How a reader shows what it has taken. */
export type Shows = "acknowledges" | "pings" | "nothing";

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

const HEADERS_END = Buffer.from("\r\n\r\n");
const EVENT = Buffer.from('{"v":1,"type":"event"');
const BATCH = Buffer.from('{"v":1,"type":"batch"');
const SEQ_KEY = Buffer.from('"seq":');

/** Answers a close (RFC 6455 §5.5.1); masked with zeros, without a code. */
const EMPTY_CLOSE = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);

/**
 * A client on a plain TCP socket that can stop reading: then the kernel's buffers fill, and behind them
 * the server's. It takes a stream of which it may see every event.
 */
export class Reader {
  readonly sequence = new Sequence();
  readonly #options: ReaderOptions;
  readonly #acknowledging: Acknowledging | null;
  readonly #onEvent: () => void;
  #epoch: string | null = null;
  #socket: Socket | null = null;
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
    this.#acknowledging =
      options.shows === "acknowledges"
        ? new Acknowledging((seq) => this.#send(JSON.stringify({ type: "ack", seq })))
        : null;
  }

  /** The port at its end, for {@link queuedBytes}. */
  get localPort(): number {
    return this.#socket?.localPort ?? 0;
  }

  /** How many events it has; 0 before its state. */
  get seq(): number {
    return this.sequence.seq ?? 0;
  }

  /** Connects, the second time with its position, and waits for its state or the end of what it missed. */
  async connect(): Promise<void> {
    this.closedWith = null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("the hub does not serve it")), DEADLINE_MS);
    const served = this.snapshots + this.resumes;
    const { port, token, batch = false } = this.#options;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    const frames = new FrameReader(
      (payload) => {
        this.#take(payload);
        if (this.snapshots + this.resumes > served) resolve();
      },
      (code) => {
        this.closedWith = code;
        socket.end(EMPTY_CLOSE);
      },
    );
    const position = this.#epoch === null ? {} : { epoch: this.#epoch, seq: this.seq };
    afterHead(
      socket,
      () => this.#send(JSON.stringify({ type: "auth", token, ...position })),
      (bytes) => frames.push(bytes),
    );
    socket.on("error", reject);
    socket.on("close", () => {
      // The one before may end when this one is open already.
      if (this.#socket === socket) this.closedWith ??= 1006;
      reject(new Error(`closed with ${this.closedWith}`));
    });
    socket.write(
      `GET /ws${batch ? "?batch=1" : ""} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n${ownAddress()}` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
    );
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
    this.#socket?.destroy();
  }

  #show(): void {
    const { shows, pingEveryMs } = this.#options;
    this.#acknowledging?.acknowledge(this.seq);
    if (shows !== "pings") return;
    this.#send(PING);
    if (pingEveryMs !== undefined) {
      this.#pinging ??= setInterval(() => this.#send(PING), pingEveryMs).unref();
    }
  }

  #send(text: string): void {
    if (this.#socket?.writable === true) this.#socket.write(maskedText(text));
  }

  #take(payload: Buffer): void {
    const before = this.sequence.events;
    if (startsWith(payload, EVENT)) this.#takeEvent(payload, payload.lastIndexOf(SEQ_KEY));
    else if (startsWith(payload, BATCH)) {
      let at = payload.indexOf(SEQ_KEY);
      for (; at >= 0; at = payload.indexOf(SEQ_KEY, at + 1)) this.#takeEvent(payload, at);
    } else this.#takeOther(payload);
    const events = this.sequence.events - before;
    if (events > 0) this.#acknowledging?.took(events, payload.length, this.seq);
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

/** Hands on what comes after the answer to the upgrade; a refusal is an error of the socket. */
function afterHead(socket: Socket, open: () => void, push: (bytes: Buffer) => void): void {
  let head: Buffer | null = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    if (head === null) {
      push(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(HEADERS_END);
    if (end < 0) return;
    const status = head.toString("latin1", 9, 12);
    const rest = head.subarray(end + HEADERS_END.length);
    head = null;
    if (status !== "101") {
      socket.destroy(new Error(`the upgrade was refused with ${status}`));
      return;
    }
    open();
    push(rest);
  });
}

function startsWith(payload: Buffer, start: Buffer): boolean {
  return (
    payload.length >= start.length && payload.compare(start, 0, start.length, 0, start.length) === 0
  );
}
