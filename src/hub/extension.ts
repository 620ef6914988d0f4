import type { HubEnv } from "./env.ts";
import type { Audience, IncomingEvent, Publication, Published } from "./publisher.ts";

/**
 * How a feature lives inside a guild's hub: state that must change in the same turn as the journal
 * (who is in which channel), and work that a clock starts (a room that stayed empty). The hub calls
 * these; it knows no feature. Everything that is not async runs in one SQLite transaction with the
 * events it publishes.
 */
export interface HubExtension {
  /** Prefix of its commands, tasks and tables. */
  readonly name: string;
  /** What it takes of outside events. */
  readonly outside?: OutsideEvents;
  /** Another extension says what changed ({@link HubTurn.tell}). Synchronous, in the same turn. */
  readonly hear?: (hub: HubTurn, said: unknown) => Taken;
  /**
   * Creates its tables; runs at each wake, so it is idempotent (`CREATE TABLE IF NOT EXISTS`). Extensions that
   * take outside events come first.
   * @returns whether the storage lacks what only a whole state brings, such as in a hub of a version that did
   * not keep it; once true, at the next wake false
   */
  migrate(sql: SqlStorage): boolean;
  /** What its area asks of it by `callCommand`. */
  readonly commands?: readonly CommandHandler[];
  /** Its members of the snapshot frame, for a reader with these grants. Synchronous. */
  snapshot(hub: HubTurn, mayRead: (audience: Audience) => boolean): Record<string, unknown>;
  /** A task that it scheduled is due. Idempotent: it may run again after a crash. */
  readonly task?: (hub: HubContext, key: string) => Promise<void>;
}

/** The outside events that an extension takes. */
export type OutsideEvents = {
  readonly events: readonly string[];
  /** Those of them that carry the whole state: they are taken even when events before them are missing. */
  readonly wholeStates: readonly string[];
  /** Those of them that only a publisher of this guild sends: by them a hub that nobody used comes into use. */
  readonly claims: readonly string[];
  /** Applies one. Synchronous. */
  take(hub: HubTurn, event: IncomingEvent): Taken;
};

/**
 * What became of something that happened outside. What an extension cannot apply yet it keeps itself;
 * `holdMs` is for when it may not keep more: the publisher then waits with everything of this guild.
 */
export type Taken = "done" | { readonly holdMs: number };

/** What is at hand inside a turn. Nothing here waits. */
export interface HubTurn {
  readonly guildId: string;
  readonly sql: SqlStorage;
  /** Milliseconds. */
  now(): number;
  /** Appends to the journal; sockets get it when the transaction is done. */
  publish(publication: Publication): Published;
  /** Calls `task(key)` at or soon after `at` (milliseconds); a second call moves it. */
  schedule(key: string, at: number): void;
  /** Takes a scheduled task back. */
  cancel(key: string): void;
  /** Tells every other extension of this hub, in order; the first that must wait ends it. */
  tell(said: unknown): Taken;
}

/** What is at hand outside a turn: async work, and turns of its own. */
export interface HubContext {
  readonly guildId: string;
  readonly env: HubEnv;
  now(): number;
  /** Runs `work` in one transaction; what it published is sent afterwards. */
  turn<T>(work: (hub: HubTurn) => T): T;
}

/** A command of an area with its work, as `handlersWith` makes it. */
export type CommandHandler = {
  readonly name: string;
  readonly run: (hub: HubContext, input: unknown) => unknown;
};
