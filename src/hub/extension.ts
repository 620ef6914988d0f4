import type { HubEnv } from "./env.ts";
import type { Audience, IncomingEvent, Publication, Published } from "./publisher.ts";

/**
 * The part of a feature inside a hub: state that must change in the same turn as the journal (who is in
 * which channel), and work that a timer starts (a room that stayed empty). The hub calls these members; it knows
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

/** What an extension can do inside a turn. Everything is synchronous. */
export interface HubTurn {
  /** Name of the hub. */
  readonly name: string;
  readonly sql: SqlStorage;
  /** Milliseconds. */
  now(): number;
  /** Appends to the journal. Sockets get the event when the transaction is done. */
  publish(publication: Publication): Published;
  /** Calls `task(key)` at or soon after `at` (milliseconds). A second call replaces the time. */
  schedule(key: string, at: number): void;
  /** Removes a scheduled task. */
  cancel(key: string): void;
  /** Calls `hear` of every other extension of this hub, in order, until one cannot take it. */
  tell(said: unknown): Taken;
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
