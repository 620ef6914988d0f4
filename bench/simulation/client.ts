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

/** One connection of a client: what the core knows as a socket. */
export class Connection {
  readonly client: Client;
  readonly place: Place;
  readonly openedAt: number;
  /** What it carries through hibernation. */
  record: unknown = null;
  open = true;
  /** Frames under way: null when they arrive at once. */
  underWay: string[] | null = null;
  stalledAt: number | null = null;
  /** When it acknowledges next, milliseconds; null: nothing came since it did. */
  ackAt: number | null = null;
  /** What came since it acknowledged last. */
  unackedEvents = 0;
  unackedBytes = 0;

  constructor(client: Client, place: Place, now: number) {
    this.client = client;
    this.place = place;
    this.openedAt = now;
  }

  /** When its last ping was answered, milliseconds; null: never. */
  pingedAt(now: number): number | null {
    if (this.client.manner === "silent") return null;
    const until = this.stalledAt ?? now;
    const pings = Math.floor((until - this.openedAt) / PING_MS);
    return pings < 1 ? null : this.openedAt + pings * PING_MS;
  }
}

/** The object at the other end of a connection. */
export type Place = {
  /** The client sends a frame. */
  readonly message: (connection: Connection, text: string) => void;
  /** The network lost the connection. */
  readonly closed: (connection: Connection) => void;
};
