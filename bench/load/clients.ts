import { Acknowledging } from "../../dev/testing/wire/acknowledging.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";

/** Where and how to open one connection of a subject. */
export type Entry = {
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** Header fields of the upgrade. */
  readonly headers?: Readonly<Record<string, string>>;
  /** First frame to send. */
  readonly hello?: string;
  /** Text of the frame that says that the connection is served; absent: the upgrade says so. */
  readonly greeting?: string;
};

/** Sends one text frame. */
export type Send = (text: string) => void;

/**
 * How a client of a subject behaves, and what it remembers from one connection for the next. The generator counts
 * the events; a client only speaks the protocol of its server.
 */
export type Client = {
  /** How it connects now. A reconnect includes its position, if the subject has positions. */
  readonly entry: () => Entry | Promise<Entry>;
  /** Gets each text frame before its events are counted. The payload is valid only during the call. */
  readonly see?: (payload: Buffer, send: Send) => void;
  /** Called after a frame with its number of events, its bytes and the seq of its last event. */
  readonly took?: (events: number, bytes: number, lastSeq: number, send: Send) => void;
  /** What it sends to show that it is alive; absent: the server pings. */
  readonly ping?: string;
  /**
   * Time over which the server wants its clients to reconnect, milliseconds; absent: the server has not told one.
   */
  readonly retryWindowMs?: number;
  /** Saves its position. @returns resets it to that position, so that it misses the same events again */
  readonly mark?: () => () => void;
};

/** Part of the first frame of an accepted connection. */
export const AUTHENTICATED = '"auth.ok"';
const AUTHENTICATED_BYTES = Buffer.from(AUTHENTICATED);

/** The position of a client in the stream. */
export type Position = { readonly epoch: string; readonly seq: number };

/** The members of the first frame that a client needs. Without credit the limits are absent. */
type AuthOk = {
  readonly epoch: string;
  readonly seq: number;
  readonly retryWindowMs?: number;
  readonly limits: { readonly windowBytes?: number; readonly windowEvents?: number };
};

/**
 * A well-behaved client of GuildHub: it acknowledges after half of its window, or some seconds after the first
 * unacknowledged event, and reconnects with its position.
 */
export class GuildClient implements Client {
  readonly entry: Client["entry"];
  readonly ping = PING_FRAME;
  /** The last event that it received; null: none yet. */
  #position: Position | null = null;
  readonly #acknowledging = new Acknowledging();
  #greeted = false;
  /** 0: the server has not told one. */
  retryWindowMs = 0;

  /** @param entryAt how to connect, without or with a position */
  constructor(entryAt: (position: Position | null) => Entry | Promise<Entry>) {
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
    this.retryWindowMs = retryWindowMs ?? 0;
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

/** A client that only says which event it got last when it connects again. */
export class AfterClient implements Client {
  readonly entry: Client["entry"];
  readonly ping = PING_FRAME;
  /** seq of the last event; null: none yet. */
  #last: number | null = null;

  constructor(port: number) {
    this.entry = () => ({ port, path: this.#last === null ? "/ws" : `/ws?after=${this.#last}` });
  }

  took(_events: number, _bytes: number, lastSeq: number): void {
    this.#last = lastSeq;
  }

  mark(): () => void {
    const last = this.#last;
    return () => {
      this.#last = last;
    };
  }
}

/** Packet types of engine.io (the first digit) and, inside its messages, of socket.io (the second). */
const OPEN = 0x30;
const PING = 0x32;
const MESSAGE = 0x34;
const CONNECT = 0x30;

/** The beginning of the answer that accepts a client. */
const CONNECTED = "40{";

/** Bytes at the end of an event packet that hold the offset, if there is one: `,"<offset>"]`. */
const OFFSET_TAIL = 40;

/**
 * A client that speaks Socket.IO's text protocol: it opens the namespace with its token, answers the server's
 * pings, and reconnects with its private id and the offset of the last event it received.
 */
export class SocketIoClient implements Client {
  readonly entry: () => Entry;
  readonly #token: string;
  readonly #remembers: boolean;
  #pid: string | null = null;
  #offset: string | null = null;

  /** @param remembers keep the offset of each event, which connection state recovery needs */
  constructor(port: number, token: string, remembers: boolean) {
    const path = "/socket.io/?EIO=4&transport=websocket";
    this.entry = () => ({ port, path, greeting: CONNECTED });
    this.#token = token;
    this.#remembers = remembers;
  }

  see(payload: Buffer, send: Send): void {
    const kind = payload[0];
    if (kind === PING) send("3");
    else if (kind === OPEN) send(`40${JSON.stringify(this.#introduction())}`);
    else if (kind === MESSAGE && payload[1] === CONNECT) {
      const { pid } = JSON.parse(payload.subarray(2).toString()) as { pid?: string };
      this.#pid = pid ?? null;
    } else if (kind === MESSAGE && this.#remembers) {
      this.#offset = offsetIn(payload) ?? this.#offset;
    }
  }

  mark(): () => void {
    const [pid, offset] = [this.#pid, this.#offset];
    return () => {
      [this.#pid, this.#offset] = [pid, offset];
    };
  }

  #introduction(): Record<string, string> {
    const token = this.#token;
    if (this.#pid === null || this.#offset === null) return { token };
    return { token, pid: this.#pid, offset: this.#offset };
  }
}

/** The offset that connection state recovery puts at the end of an event packet; null: none. */
export function offsetIn(payload: Buffer): string | null {
  const tail = payload.toString("latin1", Math.max(0, payload.length - OFFSET_TAIL));
  return /,"([^",]*)"\]$/.exec(tail)?.[1] ?? null;
}
