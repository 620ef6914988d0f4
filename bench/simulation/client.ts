import type {
  MemoryObject,
  MemorySocket,
  Served,
  SocketClient,
} from "../../src/testing/memory-platform.ts";
import { KINDS, type Kind, type Witness } from "./ledger.ts";

/** A client pings this often, milliseconds. */
const PING_MS = 25_000;

/** How a client shows that it reads: the page pings, our client acknowledges too, a seed's does nothing. */
export type Manner = "pings" | "acknowledges" | "silent";

/** Somebody who wants a guild's stream, over all connections. Small: there are a million. */
export class Client implements Witness {
  start = 0;
  last = 0;
  received = 0;
  epoch: string | undefined = undefined;
  connection: Connection | null = null;
  attempt = 0;
  /** `retryWindowMs` of the last server, milliseconds. */
  windowMs = 0;
  readonly index: number;
  readonly sub: string;
  readonly kind: Kind;
  readonly manner: Manner;
  readonly batch: boolean;

  constructor(index: number) {
    this.index = index;
    this.sub = `user-${index}`;
    this.kind = index % 10 === 0 ? KINDS.privileged : KINDS.everybody;
    this.manner = index % 50 === 1 ? "acknowledges" : index % 50 === 2 ? "silent" : "pings";
    this.batch = index % 4 !== 3;
  }
}

/** Who is told what a connection hears. */
export type Listener = {
  take(connection: Connection, text: string): void;
  lost(connection: Connection): void;
};

/** One connection of a client: the other end of a socket. */
export class Connection implements SocketClient {
  readonly client: Client;
  readonly object: MemoryObject<Served>;
  readonly socket: MemorySocket;
  readonly openedAt: number;
  open = true;
  /** Frames under way: null when they arrive at once. */
  underWay: string[] | null = null;
  stalledAt: number | null = null;
  /** When it acknowledges next, milliseconds; null: nothing came since it did. */
  ackAt: number | null = null;
  /** What came since it acknowledged last. */
  unackedEvents = 0;
  unackedBytes = 0;

  readonly #listener: Listener;

  constructor(
    listener: Listener,
    parts: {
      readonly client: Client;
      readonly object: MemoryObject<Served>;
      readonly socket: MemorySocket;
      readonly now: number;
    },
  ) {
    this.#listener = listener;
    this.client = parts.client;
    this.object = parts.object;
    this.socket = parts.socket;
    this.openedAt = parts.now;
  }

  receive(text: string): void {
    this.#listener.take(this, text);
  }

  ended(): void {
    this.#listener.lost(this);
  }

  /** When its last ping was answered, milliseconds; null: never. */
  pingedAt(now: number): number | null {
    if (this.client.manner === "silent") return null;
    const until = this.stalledAt ?? now;
    const pings = Math.floor((until - this.openedAt) / PING_MS);
    return pings < 1 ? null : this.openedAt + pings * PING_MS;
  }
}
