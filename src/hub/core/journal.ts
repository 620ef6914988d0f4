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
};

/** Bounds of a journal; whichever is met first trims (HUB-3). */
export type JournalBounds = {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
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
  /** Entries with `seq > after`, oldest first, at most `limit`. */
  readAfter(after: number, limit: number): Entry[];
  /** Entries with `seq < before`, newest first, at most `limit`. */
  readBefore(before: number, limit: number): Entry[];
  /** Drops what is outside the bounds at `now`; never the newest entry for its size alone. */
  trim(bounds: JournalBounds, now: number): void;
  /** Remembers a key. @returns false when it was remembered already and has not expired */
  remember(key: string, expiresAt: number, now: number): boolean;
  readPosition(): PublisherPosition | null;
  writePosition(position: PublisherPosition): void;
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
  /** Runs `work` whole or not at all. */
  transaction<T>(work: () => T): T;
}

/** The newest event of an outside publisher that the hub has taken (rooms.md §4). */
export type PublisherPosition = { readonly epoch: string; readonly seq: number };

/** Bytes that an entry counts with: what a client would receive of it, nearly. */
export function entryBytes(entry: Pick<Entry, "payload" | "event" | "id" | "audience">): number {
  const audience = entry.audience === null ? 0 : JSON.stringify(entry.audience).length;
  return entry.payload.length + entry.event.length + entry.id.length + audience + 64;
}
