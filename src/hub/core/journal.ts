import type { RevocationTarget } from "../../protocol/hub-report.ts";
import type { Audience } from "../publisher.ts";

/** One journaled event. `payload` is JSON text, so that it is encoded only once. */
export type Entry = {
  readonly seq: number;
  readonly id: string;
  readonly event: string;
  readonly payload: string;
  /** Milliseconds. */
  readonly ts: number;
  /** When it was appended, milliseconds. The age bound counts from here. */
  readonly at: number;
  readonly audience: Audience;
  /** Id of the connection that does not get it; null: none. */
  readonly except: string | null;
  readonly topic: string | null;
  /** W3C trace id of the request or event that caused it. */
  readonly trace: string | null;
};

/** Bounds of a journal; the one that is reached first trims it (HUB-3). */
export type JournalBounds = {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
};

/** The range of a journal. An empty one has `oldest = head + 1`. */
export type JournalExtent = {
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
};

/** Everything that the hub stores. Synchronous, so that nothing happens between a read and a write. */
export interface HubStore {
  extent(): JournalExtent;
  /** Appends; `entry.seq` is `head + 1`. */
  append(entry: Entry): void;
  /** Entries with `seq > after`, oldest first: at most `limit`, about `maxBytes`, at least one if any. */
  readAfter(after: number, limit: number, maxBytes?: number): Entry[];
  /** Entries with `seq < before`, newest first, at most `limit`. */
  readBefore(before: number, limit: number): Entry[];
  /** The size of the journal. */
  usage(): JournalUsage;
  /** Empties the journal and sets its epoch, for a relay that begins to copy another journal. */
  adopt(epoch: string): void;
  /** Drops what exceeds the bounds at `now`. A newest entry that is too large alone stays. */
  trim(bounds: JournalBounds, now: number): void;
  /** Remembers a key. @returns false when it is known already and has not expired */
  remember(key: string, expiresAt: number, now: number): boolean;
  /** Remembers several keys. @returns false when one of them is known already: some may be remembered then */
  rememberAll(keys: readonly string[], expiresAt: number, now: number): boolean;
  readPosition(): PublisherPosition | null;
  /** null: forgets it. */
  writePosition(position: PublisherPosition | null): void;
  readFilter(connectionId: string): readonly string[] | null;
  /** null: the socket sees every topic again. */
  writeFilter(connectionId: string, topics: readonly string[] | null): void;
  /** Forgets the filters of connections that are gone. */
  retainFilters(connectionIds: ReadonlySet<string>): void;
  /** Single values of the hub itself, by name. */
  readFact(key: string): string | null;
  writeFact(key: string, value: string): void;
  /** Sets when a task is due, milliseconds; null cancels it. */
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
  /** Stores a revocation; `revision` counts up by one. A later one of the same target replaces it. */
  writeRevocation(revocation: Revocation): void;
  /** Revocations with a greater revision that have not expired, oldest first. */
  readRevocations(afterRevision: number, now: number): Revocation[];
  /** When the tokens of a user were last revoked, milliseconds; null: never, or they have all expired. */
  readRevokedAt(sub: string, now: number): number | null;
  /** Adds to a counter that is stored. */
  count(name: string, by: number): void;
  readCounters(): Readonly<Record<string, number>>;
  /** Runs `work` in a transaction: all of it is stored, or nothing. */
  transaction<T>(work: () => T): T;
}

/** The size of a journal. `oldestAt` in milliseconds; null: it is empty. */
export type JournalUsage = {
  readonly events: number;
  readonly bytes: number;
  readonly oldestAt: number | null;
};

/** What a hub stores of one of its relays. */
export type RelayRow = {
  readonly index: number;
  /** A draining relay gets no new clients, sends its own away, and is released when it is empty. */
  readonly state: "open" | "draining";
  readonly sockets: number;
  readonly users: number;
};

/** A revocation of the tokens of a user, or of one connection (HUB-14). */
export type Revocation = {
  readonly revision: number;
  readonly target: RevocationTarget;
  /** Milliseconds. Tokens issued before are refused. */
  readonly at: number;
  readonly expiresAt: number;
};

/** The newest event of an outside publisher that the hub has taken (rooms.md §4). */
export type PublisherPosition = { readonly epoch: string; readonly seq: number };

/** Bytes that an entry counts as: about what a client receives for it. */
export function entryBytes(entry: Pick<Entry, "payload" | "event" | "id" | "audience">): number {
  const audience = entry.audience === null ? 0 : JSON.stringify(entry.audience).length;
  return entry.payload.length + entry.event.length + entry.id.length + audience + 64;
}
