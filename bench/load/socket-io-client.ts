import type { Client, Entry, Send } from "./client.ts";

/** Packets of engine.io (the first digit) and, in its messages, of socket.io (the second). */
const OPEN = 0x30;
const PING = 0x32;
const MESSAGE = 0x34;
const CONNECT = 0x30;

/** Starts the answer that lets a client in. */
const CONNECTED = "40{";

/** Bytes at the end of an event packet that hold the offset, if there is one: `,"<offset>"]`. */
const OFFSET_TAIL = 40;

/**
 * A client that speaks Socket.IO's text protocol: it opens the namespace with its token, answers the
 * server's pings, and comes back with its private id and the offset of the last event it has.
 */
export class SocketIoClient implements Client {
  readonly entry: () => Promise<Entry>;
  readonly #token: string;
  readonly #remembers: boolean;
  #pid: string | null = null;
  #offset: string | null = null;

  /** @param remembers keep the offset of each event, as connection state recovery needs it */
  constructor(port: number, token: string, remembers: boolean) {
    const path = "/socket.io/?EIO=4&transport=websocket";
    this.entry = () => Promise.resolve({ port, path, greeting: CONNECTED });
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
