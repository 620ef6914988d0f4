import type { CloseName } from "../protocol/close-codes.ts";
import type { CallFailure } from "./core/calls.ts";
import type { TurnedAway } from "./core/dialect.ts";
import type { Selector } from "./core/session-index.ts";
import type { HubEnv } from "./env.ts";
import type { Audience, IncomingEvent, Publication } from "./publisher.ts";

/**
 * The part of a feature inside a hub: state that must change in the same turn as the journal (who is where), and
 * work that a timer starts. The hub calls these members; it knows
 * no feature. Everything that is not async runs in one SQLite transaction with the events that it publishes.
 */
export interface HubExtension {
  /** Prefix of its commands, tasks and tables. */
  readonly name: string;
  /** The outside events that it applies. */
  readonly outside?: OutsideEvents;
  /** Receives a change from another extension ({@link HubTurn.tell}). Synchronous, in the same turn. */
  readonly hear?: (hub: HubTurn, said: unknown) => Taken;
  /**
   * Creates its tables. It runs at each wake, so it is idempotent (`CREATE TABLE IF NOT EXISTS`). Extensions with
   * outside events come first.
   * @returns whether the storage lacks data that only a whole state brings, for example because an older version
   * did not keep it. True once: at the next wake it is false
   */
  migrate(sql: SqlStorage): boolean;
  /** What its area calls by `callCommand`. */
  readonly commands?: readonly CommandHandler[];
  /** Its members of the snapshot frame, with only what `mayRead` allows the reader. Synchronous. */
  snapshot(hub: HubTurn, mayRead: (audience: Audience) => boolean): Record<string, unknown>;
  /** Hears the hub's clients, and answers them. Absent: it only publishes. */
  readonly sockets?: SocketExtension;
  /** Runs when a task that it scheduled is due. Idempotent: it may run again after a crash. */
  readonly task?: (hub: HubContext, key: string) => Promise<void>;
}

/** The outside events that an extension applies. */
export type OutsideEvents = {
  readonly events: readonly string[];
  /** Events that carry the whole state. They are accepted even when events before them are missing. */
  readonly wholeStates: readonly string[];
  /** Events that only a publisher for this hub sends. They bring an unused hub into use. */
  readonly claims: readonly string[];
  /** Applies one event. Synchronous. */
  take(hub: HubTurn, event: IncomingEvent): Taken;
};

/**
 * The outcome of an outside event. An extension keeps an event that it cannot apply yet. When it may not keep
 * more, it returns `holdMs`, and the publisher waits that long with all its events of this hub.
 */
export type Taken = "done" | { readonly holdMs: number };

/**
 * Gives the object that `make` has made, the same one in all turns, so that it may remember what it has read or
 * written. It is made anew after a wake, and after a turn that was rolled back: its memory may be wrong then.
 */
export type Kept = <T extends object>(
  make: (sql: SqlStorage, kept: Kept, beforeEnd: BeforeEnd) => T,
) => T;

/**
 * Has `write` run at the end of each turn, inside its transaction, so that an object can write together what the
 * turn has changed. It also runs before a turn inside of the turn, which may be rolled back alone.
 */
export type BeforeEnd = (write: () => void) => void;

/** What an extension can do inside a turn. Everything is synchronous. A copy (`{ ...hub }`) has no functions. */
export interface HubTurn {
  /** Name of the hub. */
  readonly name: string;
  readonly sql: SqlStorage;
  /** Milliseconds. */
  now(): number;
  /**
   * Appends to the journal. Sockets get the event when the transaction is done. What the hub would refuse, because
   * no area names the event or its payload is over the limit, is a bug of the extension: limits at the door keep
   * payloads smaller.
   * @throws then, so that the whole turn is rolled back
   */
  publish(publication: Publication): void;
  /** Calls `task(key)` at or soon after `at` (milliseconds). A second call replaces the time. */
  schedule(key: string, at: number): void;
  /** Seq of the newest event of the journal, also of this turn; 0: none was published yet. */
  seq(): number;
  /** Removes a scheduled task. */
  cancel(key: string): void;
  /** When `task(key)` is called, milliseconds. A task that runs is still there; null: there is none. */
  scheduledAt(key: string): number | null;
  /** Calls `hear` of every other extension of this hub, in order, until one cannot take it. */
  tell(said: unknown): Taken;
  /** What extensions keep in memory beside their tables. */
  readonly kept: Kept;
  /** The clients that are connected to the hub itself, not those at its relays. */
  readonly sockets: Sockets;
}

/** A connected client, as extensions see it. */
export type Client = {
  readonly connectionId: string;
  readonly sub: string;
  /** What it said of itself when it connected; null: nothing. */
  readonly scope: unknown;
};

/** What an extension hears from clients (HUB-21). Each function runs in a turn, and is synchronous. */
export type SocketExtension = {
  /** Whether messages of this name are for it. */
  readonly takes: (name: string) => boolean;
  /**
   * Grants of a client that connects, beside those of its token, or why it may not connect.
   * {@link Sockets.regrant} changes them later.
   */
  readonly grantsOf?: (hub: HubTurn, client: Client) => readonly string[] | TurnedAway;
  /** A client has connected, and has its first frames. */
  readonly onOpen?: (hub: HubTurn, client: Client) => void;
  readonly onMessage: (hub: HubTurn, client: Client, message: ClientMessage) => Reply | null;
  /** A client has left, or was closed. After a crash of the hub with 1006, when the hub has woken. */
  readonly onClose?: (hub: HubTurn, client: Client, code: number) => void;
  /** What a client gets of the answer to its call. Absent: the answer. */
  readonly callAnswered?: (answer: unknown) => unknown;
  /** What a client is answered whose call has no answer. */
  readonly callFailed: (why: CallFailure) => unknown;
};

/** What a client has said. */
export type ClientMessage = {
  readonly name: string;
  readonly data: unknown;
  /** The name under which it waits for an answer; null: it does not wait. */
  readonly ack: string | null;
};

/** Who waits for the answer to a {@link ClientMessage}. */
export type PendingAck = { readonly connectionId: string; readonly ack: string };

/** The answer to a message. It is dropped if the client does not wait for one. */
export type Reply =
  | { readonly data: unknown }
  /** Another client answers. @see CallFailure for what happens when it does not */
  | { readonly call: ForwardedCall };

/** A message that another client is to answer. */
type ForwardedCall = {
  /** Id of the connection that is to answer. */
  readonly to: string;
  readonly name: string;
  readonly data: unknown;
  readonly timeoutMs: number;
};

/**
 * What an extension can do with clients inside a turn. What changes something takes effect after the turn, in
 * order with the events that it publishes.
 */
export interface Sockets {
  /** The clients that are connected now. */
  of(to: Selector): Client[];
  /**
   * The clients that connected `ms` milliseconds ago or earlier and have sent nothing since, no message and no ping.
   * They may have left: the runtime does not always tell (HUB-30).
   */
  unheard(ms: number): Client[];
  /** Sends a message outside of the sequence. A client that lags does not get it. */
  send(to: Selector, name: string, data: unknown): void;
  /** As {@link Sockets.send}, but it waits for a client without space. A client for which too much waits is closed. */
  deliver(to: Selector, name: string, data: unknown): void;
  /** Answers a message for which `onMessage` had no reply yet. It is dropped if the client has left. */
  reply(to: PendingAck, reply: Reply): void;
  /** Replaces the grants that clients have beside those of their tokens, from the next event on (HUB-8). */
  regrant(to: Selector, grants: readonly string[]): void;
  close(to: Selector, why: CloseName | TurnedAway): void;
}

/** What an extension can do outside a turn: async work, and turns of its own. */
export interface HubContext {
  /** Name of the hub. */
  readonly name: string;
  readonly env: HubEnv;
  now(): number;
  /** Runs `work` in one transaction, and then sends what it published. */
  turn<T>(work: (hub: HubTurn) => T): T;
}

/** A command of an area with its function, as `handlersWith` creates it. */
export type CommandHandler = {
  readonly name: string;
  readonly run: (hub: HubContext, input: unknown) => unknown;
};
