import { PING_FRAME } from "../../../src/protocol/frames.ts";
import { Acknowledging } from "../wire/acknowledging.ts";
import { openLeanSocket, ownAddress, type LeanSocket } from "../wire/lean-socket.ts";
import { LOST, openWire, type Wire, type WireEvents } from "../wire/wire.ts";
import { SERVED_WITHIN_MS } from "./filled-hub.ts";

/** How a reader shows what it has read. */
type Shows = "acknowledges" | "pings" | "nothing";

/**
 * Server-Sent Events, over which it can show nothing; a WebSocket with the token in its first frame; or Socket.IO,
 * whose pongs show what it has read.
 */
export type ReaderTransport = "stream" | "first-frame" | "socket-io";

/** How a reader connects. */
export type ReaderOptions = {
  readonly port: number;
  readonly token: string;
  readonly shows: Shows;
  /** Absent: a WebSocket with the token in its header. */
  readonly by?: ReaderTransport;
  /** Whether it accepts batches. */
  readonly batch?: boolean;
  /** Time between two pings, milliseconds; absent: it pings once, after it has connected. */
  readonly pingEveryMs?: number;
};

const EVENT = Buffer.from('{"v":1,"type":"event"');
const BATCH = Buffer.from('{"v":1,"type":"batch"');
const SEQ_KEY = Buffer.from('"seq":');
const SOCKET_IO_CONNECTED = Buffer.from("40{");
const SOCKET_IO_EVENT = Buffer.from('42["');

/**
 * The events that one reader got of a stream of which it may see every event: complete and in order, or a fault.
 */
class Sequence {
  /** seq of the newest event or snapshot; null: neither has arrived. */
  seq: number | null = null;
  /** Events that arrived, without those that a snapshot covered. */
  events = 0;
  readonly faults: string[] = [];

  /** Counts an event. */
  take(seq: number): void {
    const due = this.seq === null ? null : this.seq + 1;
    if (seq !== due && this.faults.length < 5) this.faults.push(`${seq} came where ${due} was due`);
    this.seq = seq;
    this.events += 1;
  }
}

/**
 * A client that can stop reading: then the kernel's buffers fill, and after them the server's. It may see every
 * event of its stream.
 */
export class Reader {
  readonly sequence = new Sequence();
  readonly #options: ReaderOptions;
  readonly #acknowledging: Acknowledging | null;
  readonly #onEvent: () => void;
  readonly #send = (text: string): void => this.#wire?.send(text);
  #epoch: string | null = null;
  #pid: string | null = null;
  #wire: Wire | LeanSocket | null = null;
  #hasLeft = false;
  #pinging: NodeJS.Timeout | null = null;
  /** Code of the last close; null: it is open, or was never open. */
  closedWith: number | null = null;
  /** Snapshots that it got, and resumes from its position. */
  snapshots = 0;
  resumes = 0;

  /** @param onEvent called for each event that it gets */
  constructor(options: ReaderOptions, onEvent: () => void = () => undefined) {
    this.#options = options;
    this.#onEvent = onEvent;
    this.#acknowledging = options.shows === "acknowledges" ? new Acknowledging() : null;
  }

  /** Its local port, for `queuedBytes`. */
  get localPort(): number {
    return this.#wire !== null && "localPort" in this.#wire ? this.#wire.localPort() : 0;
  }

  /** seq of the newest event or snapshot; 0 before the first. */
  get seq(): number {
    return this.sequence.seq ?? 0;
  }

  /** Connects, with its position if it has one, and waits for the snapshot or the end of the resume. */
  async connect(): Promise<void> {
    this.closedWith = null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error("the hub does not serve the reader")),
      SERVED_WITHIN_MS,
    );
    const served = this.snapshots + this.resumes;
    const wire = this.#open({
      onText: (payload) => {
        this.#take(payload);
        if (this.snapshots + this.resumes > served) resolve();
      },
      onClose: (code) => {
        // The previous connection may end after this one has opened.
        if (this.#wire === wire) this.closedWith = code;
        if (this.#options.by === "stream" && code === LOST && !this.#hasLeft) {
          this.sequence.faults.push("the stream ended without a last message");
        }
        reject(new Error(`closed with ${code}`));
      },
      onRefused: (status) => reject(new Error(`it was refused with ${status}`)),
    });
    this.#wire = wire;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
    this.#show();
  }

  /** Stops reading. It can still send. */
  stall(): void {
    this.#wire?.pause();
  }

  /** Continues reading. */
  readOn(): void {
    this.#wire?.resume();
  }

  /** Leaves without a close. */
  leave(): void {
    this.#hasLeft = true;
    if (this.#pinging !== null) clearInterval(this.#pinging);
    this.#acknowledging?.stop();
    this.#wire?.terminate();
  }

  #open(events: WireEvents<Buffer>): Wire | LeanSocket {
    const { port, token, batch = false, by } = this.#options;
    if (by === "stream") {
      const url = new URL(`http://127.0.0.1:${port}/events${batch ? "?batch=1" : ""}`);
      const position =
        this.#epoch === null ? {} : { "last-event-id": `${this.#epoch}:${this.seq}` };
      const accept = "text/event-stream";
      const headers = { authorization: `Bearer ${token}`, accept, ...position };
      const onText = (text: string): void => events.onText(Buffer.from(text));
      return openWire({ kind: "stream", url, headers }, { ...events, onText });
    }
    if (by === "socket-io") {
      const url = new URL(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
      const recovery = this.#pid === null ? {} : { pid: this.#pid, offset: String(this.seq) };
      const hello = `40${JSON.stringify({ token, ...recovery })}`;
      return openLeanSocket({ url, headers: ownAddress(), hello }, events);
    }
    const url = new URL(`ws://127.0.0.1:${port}/ws`);
    if (batch) url.searchParams.set("batch", "1");
    const position = this.#epoch === null ? {} : { epoch: this.#epoch, seq: this.seq };
    if (by === "first-frame") {
      const hello = JSON.stringify({ type: "auth", token, ...position });
      return openLeanSocket({ url, headers: ownAddress(), hello }, events);
    }
    for (const [name, value] of Object.entries(position)) url.searchParams.set(name, String(value));
    return openLeanSocket({ url, headers: { Authorization: `Bearer ${token}` } }, events);
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
    if (this.#options.by === "socket-io") {
      this.#takePacket(payload);
      return;
    }
    const before = this.sequence.events;
    if (startsWith(payload, EVENT)) this.#takeEvent(payload, payload.lastIndexOf(SEQ_KEY));
    else if (startsWith(payload, BATCH)) {
      let at = payload.indexOf(SEQ_KEY);
      for (; at >= 0; at = payload.indexOf(SEQ_KEY, at + 1)) this.#takeEvent(payload, at);
    } else this.#takeOther(payload);
    const events = this.sequence.events - before;
    if (events > 0) this.#acknowledging?.took(events, payload.length, this.seq, this.#send);
  }

  #takePacket(payload: Buffer): void {
    if (payload.length === 1) this.#send("3");
    else if (startsWith(payload, SOCKET_IO_CONNECTED)) {
      this.#pid = (JSON.parse(payload.toString("utf8", 2)) as { readonly pid: string }).pid;
    } else if (startsWith(payload, SOCKET_IO_EVENT)) {
      const name = payload.toString("latin1", 4, payload.indexOf('"', 4));
      // The last argument of what moves the position: `…,"813"]`.
      const seq = Number.parseInt(payload.toString("latin1", payload.lastIndexOf(',"') + 2), 10);
      if (name === "snapshot") {
        this.snapshots += 1;
        this.sequence.seq = seq;
      } else if (name === "resumed") this.resumes += 1;
      else if (name === "error") this.sequence.faults.push(payload.toString());
      else if (name !== "close") {
        this.sequence.take(seq);
        this.#onEvent();
      }
    }
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
      this.sequence.seq = frame.seq;
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
