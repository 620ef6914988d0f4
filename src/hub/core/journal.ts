import type { RevocationTarget } from "../../protocol/hub-report.ts";
import {
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
} from "../../protocol/limits.ts";
import type { Audience } from "../publisher.ts";

/** One journaled event. `payload` is JSON text already, so that it is encoded once. */
export type Entry = {
  readonly seq: number;
  readonly id: string;
  readonly event: string;
  readonly payload: string;
  /** Milliseconds. */
  readonly ts: number;
  /** When it was appended, milliseconds: what the age bound counts from. */
  readonly at: number;
  readonly audience: Audience;
  readonly topic: string | null;
  /** W3C trace id of what caused it. */
  readonly trace: string | null;
};

/** Bounds of a journal; whichever is met first trims (HUB-3). */
export type JournalBounds = {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
};

/** The bounds of every guild's journal. */
export const JOURNAL_BOUNDS: JournalBounds = {
  maxAgeMs: JOURNAL_MAX_AGE_MS,
  maxEvents: JOURNAL_MAX_EVENTS,
  maxBytes: JOURNAL_MAX_BYTES,
};

/** Where a journal stands. An empty one has `oldest = head + 1`. */
export type JournalExtent = {
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
};

/**
 * What the hub keeps, as one storage contract: synchronous, so that nothing comes between a read and
 * a write. The SQLite adapter and the memory one pass the same suite.
 */
export interface HubStore {
  extent(): JournalExtent;
  /** Appends; `entry.seq` is `head + 1`. */
  append(entry: Entry): void;
  /**
   * Entries with `seq > after`, oldest first, at most `limit` and about `maxBytes`, but one at least
   * when there is one.
   */
  readAfter(after: number, limit: number, maxBytes?: number): Entry[];
  /** Entries with `seq < before`, newest first, at most `limit`. */
  readBefore(before: number, limit: number): Entry[];
  /** How much the journal holds. */
  usage(): JournalUsage;
  /** Empties the journal and gives it another epoch: what a relay does that copies a new one. */
  adopt(epoch: string): void;
  /** Drops what is outside the bounds at `now`; never the newest entry for its size alone. */
  trim(bounds: JournalBounds, now: number): void;
  /** Remembers a key. @returns false when it was remembered already and has not expired */
  remember(key: string, expiresAt: number, now: number): boolean;
  readPosition(): PublisherPosition | null;
  /** null: forgets it. */
  writePosition(position: PublisherPosition | null): void;
  readFilter(connectionId: string): readonly string[] | null;
  /** null: the socket sees every topic again. */
  writeFilter(connectionId: string, topics: readonly string[] | null): void;
  /** Forgets the filters of connections that are gone. */
  retainFilters(connectionIds: ReadonlySet<string>): void;
  /** Small facts of the hub itself. */
  readFact(key: string): string | null;
  writeFact(key: string, value: string): void;
  /** Sets when a task is due, milliseconds; null takes it back. */
  writeTask(key: string, at: number | null): void;
  readTask(key: string): number | null;
  /** Keys of the tasks due at `now`, earliest first. */
  dueTasks(now: number): string[];
  /** When the next task is due; null: none. */
  nextTaskAt(): number | null;
  /** Relays that this hub calls, by index. */
  readRelays(): RelayRow[];
  writeRelay(relay: RelayRow): void;
  deleteRelay(index: number): void;
  /** Takes a revocation; `revision` counts up by one. A later one of the same target replaces it. */
  writeRevocation(revocation: Revocation): void;
  /** Those with a greater revision, oldest first, that have not expired. */
  readRevocations(afterRevision: number, now: number): Revocation[];
  /** When the tokens of a user were revoked last, milliseconds; null: never, or long ago. */
  readRevokedAt(sub: string, now: number): number | null;
  /** Adds to a counter that outlives the object's memory. */
  count(name: string, by: number): void;
  readCounters(): Readonly<Record<string, number>>;
  /** Runs `work` whole or not at all. */
  transaction<T>(work: () => T): T;
}

/** How much a journal holds. `oldestAt` in milliseconds; null: it is empty. */
export type JournalUsage = {
  readonly events: number;
  readonly bytes: number;
  readonly oldestAt: number | null;
};

/** A relay as its hub knows it. */
export type RelayRow = {
  readonly index: number;
  /** A draining one gets no new clients, sends its own away, and is let go when it is empty. */
  readonly state: "open" | "draining";
  readonly sockets: number;
  readonly users: number;
};

/** Ends what a user or a connection has (HUB-14). */
export type Revocation = {
  readonly revision: number;
  readonly target: RevocationTarget;
  /** Milliseconds: tokens issued before it are refused. */
  readonly at: number;
  readonly expiresAt: number;
};

/** The newest event of an outside publisher that the hub has taken (rooms.md §4). */
export type PublisherPosition = { readonly epoch: string; readonly seq: number };

/** Bytes that an entry counts with: what a client would receive of it, nearly. */
export function entryBytes(entry: Pick<Entry, "payload" | "event" | "id" | "audience">): number {
  const audience = entry.audience === null ? 0 : JSON.stringify(entry.audience).length;
  return entry.payload.length + entry.event.length + entry.id.length + audience + 64;
}
