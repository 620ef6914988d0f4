import { isRecord } from "../../../src/client/json-shape.ts";
import type { SocketLike } from "../../../src/client/network.ts";
import type { Failure, Outcome } from "../../../src/client/outcome.ts";
import { UNREACHABLE } from "../../../src/client/problem.ts";
import { type Backoff, fullJitter } from "../../../src/protocol/backoff.ts";
import type { Lists } from "./sync-api.ts";

/** The state of the connection; times in milliseconds since 1970. */
export type LiveState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly since: number }
  /** Lost, or never there: tried again by itself. */
  | { readonly kind: "waiting"; readonly failure: Failure }
  /** The token does not work any more. */
  | { readonly kind: "signed-out" };

/** What the connection needs. */
export type LivePorts = {
  readonly ticket: () => Promise<Outcome<string>>;
  readonly lists: () => Promise<Outcome<Lists>>;
  readonly open: (ticket: string) => SocketLike;
  readonly random: () => number;
};

/** What is told of an account, in order. */
export type LiveEvents = {
  readonly onState: (state: LiveState) => void;
  /** Everything was read anew. */
  readonly onLists: (lists: Lists) => void;
  readonly onEvent: (event: LiveEvent) => void;
};

/** An update or an ephemeral (sync.md §6.8), with what it says. */
export type LiveEvent = { readonly kind: "update" | "ephemeral"; readonly data: unknown };

const BACKOFF: Backoff = { firstMs: 1_000, mostMs: 30_000 };
/** A pause is never shorter, milliseconds: a random one may be 0. */
const PAUSE_MIN_MS = 250;
/** How often the page asks whether the connection is still there, and how long the answer may take, milliseconds. */
const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 10_000;
/** How long a connection may take to be accepted, milliseconds. */
const OPEN_WITHIN_MS = 20_000;
/** The runtime answers exactly this without waking anything (sync.md §6.5). */
const PING = '{"event":"ping"}';
/** The token was revoked, or is not valid (sync.md §6.6). */
const CLOSE_AUTH_FAILED = 4001;

/**
 * An account's updates, as they happen. What was missed while there was no connection is not sent: with each new one
 * the lists are read again.
 */
export class LiveUpdates {
  readonly #ports: LivePorts;
  readonly #events: LiveEvents;
  #attempt = 0;
  #connection: Connection | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isStopped = true;

  constructor(ports: LivePorts, events: LiveEvents) {
    this.#ports = ports;
    this.#events = events;
  }

  /** Connects and stays connected. While it is, this does nothing; while it waits, it tries now. */
  start(): void {
    this.#isStopped = false;
    clearTimeout(this.#retry);
    if (this.#connection !== null) return;
    this.#connection = new Connection(this.#ports, {
      ...this.#events,
      onLive: () => {
        this.#attempt = 0;
        this.#events.onState({ kind: "live", since: Date.now() });
      },
      onLost: (why) => {
        this.#connection = null;
        this.#lost(why);
      },
    });
    this.#events.onState({ kind: "connecting" });
    void this.#connection.run();
  }

  /** Disconnects. Nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    this.#connection?.end();
    this.#connection = null;
  }

  #lost(failure: Failure): void {
    if (failure.kind === "signed-out") {
      this.stop();
      this.#events.onState({ kind: "signed-out" });
      return;
    }
    this.#events.onState({ kind: "waiting", failure });
    const pause = fullJitter(BACKOFF, this.#attempt, this.#ports.random());
    this.#attempt += 1;
    this.#retry = setTimeout(
      () => {
        if (!this.#isStopped) this.start();
      },
      Math.max(PAUSE_MIN_MS, failure.retryAfterMs ?? 0, pause),
    );
  }
}

type ConnectionEvents = Pick<LiveEvents, "onLists" | "onEvent"> & {
  readonly onLive: () => void;
  /** Once. Nothing follows. */
  readonly onLost: (why: Failure) => void;
};

/** One connection, from its ticket to its end. */
class Connection {
  readonly #ports: LivePorts;
  readonly #events: ConnectionEvents;
  #socket: SocketLike | null = null;
  /** What arrived before the lists, which may be older or newer than they are; null: they were read. */
  #early: LiveEvent[] | null = [];
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(ports: LivePorts, events: ConnectionEvents) {
    this.#ports = ports;
    this.#events = events;
  }

  async run(): Promise<void> {
    const ticket = await this.#ports.ticket();
    if (this.#isOver) return;
    if (!ticket.ok) {
      this.#lose(ticket.failure);
      return;
    }
    const socket = this.#ports.open(ticket.value);
    this.#socket = socket;
    this.#expectWithin(OPEN_WITHIN_MS);
    socket.addEventListener("message", ({ data }) => this.#onFrame(data));
    socket.addEventListener("close", ({ code }) => {
      this.#lose(code === CLOSE_AUTH_FAILED ? SIGNED_OUT : UNREACHABLE);
    });
  }

  /** Closes it without telling. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#socket?.close();
  }

  #lose(why: Failure): void {
    if (this.#isOver) return;
    this.end();
    this.#events.onLost(why);
  }

  #onFrame(text: unknown): void {
    if (this.#isOver) return;
    const { event, data } = frameIn(text);
    switch (event) {
      case "connected":
        void this.#readLists();
        break;
      case "pong":
        this.#pingLater();
        break;
      case "update":
      case "ephemeral": {
        const told = {
          kind: event,
          data: event === "update" && isRecord(data) ? data["body"] : data,
        };
        if (this.#early === null) this.#events.onEvent(told);
        else this.#early.push(told);
        break;
      }
      default:
    }
  }

  /** After the connection, so that whatever changes from now on is told. */
  async #readLists(): Promise<void> {
    clearTimeout(this.#deadline);
    const lists = await this.#ports.lists();
    if (this.#isOver) return;
    if (!lists.ok) {
      this.#lose(lists.failure);
      return;
    }
    const early = this.#early ?? [];
    this.#early = null;
    this.#events.onLists(lists.value);
    for (const event of early) this.#events.onEvent(event);
    this.#events.onLive();
    this.#pingLater();
  }

  #pingLater(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#socket?.send(PING);
      this.#expectWithin(PONG_WITHIN_MS);
    }, PING_EVERY_MS);
  }

  #expectWithin(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lose(UNREACHABLE), ms);
  }
}

const SIGNED_OUT: Failure = {
  kind: "signed-out",
  message: "This account was signed out everywhere. Sign in again with the backup code.",
};

function frameIn(text: unknown): { readonly event?: unknown; readonly data?: unknown } {
  if (typeof text !== "string") return {};
  try {
    const frame: unknown = JSON.parse(text);
    return isRecord(frame) ? frame : {};
  } catch {
    return {};
  }
}
