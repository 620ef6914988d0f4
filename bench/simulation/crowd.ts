import { backoffMs } from "../../src/client/backoff.ts";
import { ACK_INTERVAL_MS } from "../../src/client/outbox.ts";
import { CREDIT_WINDOW_BYTES, CREDIT_WINDOW_EVENTS } from "../../src/protocol/limits.ts";
import type {
  MemoryObject,
  MemorySocket,
  Served,
  SocketClient,
} from "../../src/testing/memory-platform.ts";
import type { Random } from "../../src/testing/random.ts";
import type { VirtualTime } from "../../src/testing/virtual-time.ts";
import { KINDS, type Kind, type Ledger, type Witness } from "./ledger.ts";

/** A client pings this often, milliseconds. */
const PING_MS = 25_000;

/**
 * How a client shows that it reads: the page pings, our client also acknowledges, a client of the seed does
 * neither.
 */
type Manner = "pings" | "acknowledges" | "silent";

/** A client of a guild's stream, over all its connections. It is small, because there are a million. */
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

/** One connection of a client: the other end of a socket. */
export class Connection implements SocketClient {
  readonly client: Client;
  readonly object: MemoryObject<Served>;
  readonly socket: MemorySocket;
  readonly openedAt: number;
  open = true;
  /** Frames in flight; null: frames arrive at once. */
  underWay: string[] | null = null;
  stalledAt: number | null = null;
  /** When it acknowledges next, milliseconds; null: nothing arrived since the last acknowledgement. */
  ackAt: number | null = null;
  /** Received since the last acknowledgement. */
  unackedEvents = 0;
  unackedBytes = 0;

  readonly #crowd: Crowd;

  constructor(crowd: Crowd, ends: Pick<Connection, "client" | "object" | "socket" | "openedAt">) {
    this.#crowd = crowd;
    this.client = ends.client;
    this.object = ends.object;
    this.socket = ends.socket;
    this.openedAt = ends.openedAt;
  }

  receive(text: string): void {
    this.#crowd.take(this, text);
  }

  ended(): void {
    this.#crowd.lost(this);
  }

  /** When its last ping was answered, milliseconds; null: never. */
  pingedAt(now: number): number | null {
    if (this.client.manner === "silent") return null;
    const until = this.stalledAt ?? now;
    const pings = Math.floor((until - this.openedAt) / PING_MS);
    return pings < 1 ? null : this.openedAt + pings * PING_MS;
  }
}

type Frame = {
  readonly type: string;
  readonly epoch?: string;
  readonly retryWindowMs?: number;
  readonly reason?: string;
  readonly seq: number;
  readonly prev?: number;
  readonly payload?: { readonly mark: string };
  readonly events?: readonly Frame[];
};

/** All clients: they connect, receive and check events, acknowledge, lose connections and reconnect. */
export class Crowd {
  readonly clients: readonly Client[];
  readonly ledger: Ledger;
  readonly snapshots = new Map<string, number>();
  deliveries = 0;
  refused = 0;
  accepted = 0;
  /** Clients that are connected now. */
  connected = 0;
  readonly #time: VirtualTime;
  readonly #random: Random;
  /** Connects a client. The answer is a call of {@link entered} or {@link turnedAway}. */
  readonly #enter: (client: Client) => void;
  #text = "";
  #frame: Frame = { type: "", seq: 0 };

  constructor(parts: {
    readonly count: number;
    readonly time: VirtualTime;
    readonly random: Random;
    readonly ledger: Ledger;
    readonly enter: (client: Client) => void;
  }) {
    this.clients = Array.from({ length: parts.count }, (_, index) => new Client(index));
    this.#time = parts.time;
    this.#random = parts.random;
    this.ledger = parts.ledger;
    this.#enter = parts.enter;
  }

  /** Connects all clients for the first time. */
  arrive(overMs: number): void {
    for (const client of this.clients) {
      this.#time.after(this.#random() * overMs, () => this.#enter(client));
    }
  }

  entered(connection: Connection): void {
    connection.client.connection = connection;
    this.accepted += 1;
    this.connected += 1;
    if (this.#random() < 0.01) connection.underWay = [];
  }

  turnedAway(client: Client): void {
    this.refused += 1;
    client.attempt += 1;
    this.#comeBack(client, 0);
  }

  /** A connection ended, on whichever side. Frames in flight are lost. */
  lost(connection: Connection): void {
    if (!connection.open) return;
    connection.open = false;
    const { client } = connection;
    if (client.connection !== connection) return;
    client.connection = null;
    this.connected -= 1;
    this.#comeBack(client, client.windowMs);
  }

  /** The network loses a client's connection, and both ends see it. */
  drop(client: Client): void {
    const { connection } = client;
    if (connection === null) return;
    this.lost(connection);
    connection.object.drop(connection.socket);
  }

  /** A client stops reading for `ms`. */
  stall(client: Client, ms: number): void {
    const { connection } = client;
    if (connection === null || connection.stalledAt !== null) return;
    connection.stalledAt = this.#time.clock();
    connection.underWay ??= [];
    this.#time.after(ms, () => {
      connection.stalledAt = null;
      this.#arriveLate(connection);
    });
  }

  /** An object sent a frame. */
  take(connection: Connection, text: string): void {
    if (!connection.open) return;
    const { underWay } = connection;
    if (underWay === null) {
      this.#receive(connection, text);
      return;
    }
    underWay.push(text);
    if (underWay.length === 1) this.#time.after(80, () => this.#arriveLate(connection));
  }

  /** Clients that do not have all events yet. */
  behind(): Client[] {
    return this.clients.filter(
      (client) => client.connection === null || !this.ledger.isComplete(client),
    );
  }

  #arriveLate(connection: Connection): void {
    if (!connection.open || connection.stalledAt !== null) return;
    const texts = connection.underWay?.splice(0) ?? [];
    for (const text of texts) this.#receive(connection, text);
  }

  #receive(connection: Connection, text: string): void {
    const { client } = connection;
    const frame = this.#read(text);
    switch (frame.type) {
      case "event":
        this.#take(client, frame);
        break;
      case "batch":
        for (const event of frame.events ?? []) this.#take(client, event);
        break;
      case "ack":
        client.epoch = frame.epoch;
        client.windowMs = frame.retryWindowMs ?? 0;
        client.attempt = 0;
        return;
      case "snapshot": {
        const reason = frame.reason ?? "";
        this.snapshots.set(reason, (this.snapshots.get(reason) ?? 0) + 1);
        this.ledger.reset(client, frame.seq);
        return;
      }
      case "resumed":
        return;
      default:
        throw new Error(`a client got ${text}`);
    }
    if (client.manner !== "acknowledges") return;
    this.#noteUnacked(connection, frame.events?.length ?? 1, text.length);
  }

  #take(client: Client, { seq, prev = seq - 1, payload }: Frame): void {
    this.deliveries += 1;
    this.ledger.receive(client, seq, prev, payload?.mark ?? "");
  }

  /** As in `outbox.ts`: acknowledges at once when half of the credit is used, else after an interval. */
  #noteUnacked(connection: Connection, events: number, bytes: number): void {
    connection.unackedEvents += events;
    connection.unackedBytes += bytes;
    const isHalf =
      connection.unackedEvents * 2 >= CREDIT_WINDOW_EVENTS ||
      connection.unackedBytes * 2 >= CREDIT_WINDOW_BYTES;
    // The acknowledgement needs a moment to arrive at the object.
    const wait = isHalf ? 1 : ACK_INTERVAL_MS;
    const at = this.#time.clock() + wait;
    if (connection.ackAt !== null && connection.ackAt <= at) return;
    connection.ackAt = at;
    this.#time.after(wait, () => {
      if (connection.ackAt === at) this.#acknowledge(connection);
    });
  }

  #acknowledge(connection: Connection): void {
    connection.ackAt = null;
    if (!connection.open || connection.stalledAt !== null) return;
    connection.unackedEvents = connection.unackedBytes = 0;
    const { object, socket, client } = connection;
    object.message(socket, `{"type":"ack","seq":${client.last}}`);
  }

  #comeBack(client: Client, windowMs: number): void {
    const wait = backoffMs(client.attempt, this.#random(), 0, windowMs);
    this.#time.after(wait, () => this.#enter(client));
  }

  /** Thousands of clients get the same text, so it is parsed once. */
  #read(text: string): Frame {
    if (text !== this.#text) {
      this.#frame = JSON.parse(text) as Frame;
      this.#text = text;
    }
    return this.#frame;
  }
}
