import { ulid } from "ulid";
import {
  entryBytes,
  type Entry,
  type JournalBounds,
  type JournalExtent,
  type JournalUsage,
} from "./core/journal.ts";
import type { HubRuntime } from "./runtime.ts";

/** What is stored of an entry beside its payload, as JSON: binding a value costs more in workerd than encoding it. */
type Envelope = Pick<Entry, "id" | "event" | "ts" | "at"> & Partial<Nullable>;
/** Most entries have none of these. They are stored only if they are not null. */
type Nullable = Pick<Entry, "audience" | "except" | "topic" | "trace">;
const NOTHING: Nullable = { audience: null, except: null, topic: null, trace: null };

type EntryRow = { readonly seq: number; readonly envelope: string; readonly payload: string };

/** Parameters of a row, and how many rows a statement may have with its 100 parameters. */
const ROW_LENGTH = 4;
const ROWS_MAX = 25;
/** Statements that insert 1, 2, … rows, made once: SQLite finds a compiled one by its text. */
const INSERTS = Array.from(
  { length: ROWS_MAX },
  (_, at) =>
    `INSERT INTO entries (seq, total, envelope, payload) VALUES ${Array(at + 1)
      .fill("(?,?,?,?)")
      .join()}`,
);

/** Fact: the journal's epoch. The version before had it under another name. */
const EPOCH_FACT = "journal epoch";
const OLD_EPOCH_FACT = "epoch";

/** Both ends of the journal, cached so that a publish or a trim needs no query for them. */
type Ends = {
  head: number;
  oldest: number;
  /** Bytes of all entries that were ever appended, including the newest. */
  total: number;
  /** The same for all entries before the oldest one that is kept. */
  totalBefore: number;
  oldestAt: number;
};

/** The journal and its facts in the SQLite of a Durable Object (HUB-3). */
export class SqliteJournal {
  protected readonly sql: SqlStorage;
  readonly #storage: HubRuntime["storage"];
  #epoch: string;
  #ends: Ends | null = null;
  #depth = 0;
  /**
   * The values of the rows of the open transaction, one row after the other. They are written at its end, or before
   * the journal is read: together is faster.
   */
  #unwritten: SqlStorageValue[] = [];

  constructor(storage: HubRuntime["storage"]) {
    this.#storage = storage;
    this.sql = storage.sql;
    this.#migrate();
    this.#epoch = this.readFact(EPOCH_FACT) ?? this.#newEpoch();
  }

  extent(): JournalExtent {
    const { head, oldest } = this.#readEnds();
    return { epoch: this.#epoch, head, oldest };
  }

  append(entry: Entry): void {
    const ends = this.#readEnds();
    const total = ends.total + entryBytes(entry);
    this.#unwritten.push(entry.seq, total, JSON.stringify(envelopeOf(entry)), entry.payload);
    if (this.#depth === 0) this.#write();
    if (ends.oldest > ends.head) {
      ends.oldest = entry.seq;
      ends.oldestAt = entry.at;
    }
    ends.head = entry.seq;
    ends.total = total;
  }

  readAfter(after: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): Entry[] {
    this.#write();
    const rows = this.sql.exec<EntryRow>(
      `SELECT seq, envelope, payload FROM entries WHERE seq > ? ORDER BY seq LIMIT ?`,
      after,
      limit,
    );
    const entries: Entry[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += row.payload.length;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(entryFromRow(row));
    }
    return entries;
  }

  readBefore(before: number, limit: number): Entry[] {
    this.#write();
    return this.sql
      .exec<EntryRow>(
        `SELECT seq, envelope, payload FROM entries WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
        before,
        limit,
      )
      .toArray()
      .map(entryFromRow);
  }

  usage(): JournalUsage {
    const { head, oldest, total, totalBefore, oldestAt } = this.#readEnds();
    const events = head - oldest + 1;
    return { events, bytes: total - totalBefore, oldestAt: events === 0 ? null : oldestAt };
  }

  adopt(epoch: string): void {
    this.transaction(() => {
      this.sql.exec("DELETE FROM entries");
      this.writeFact(EPOCH_FACT, epoch);
    });
    this.#epoch = epoch;
    this.#ends = null;
  }

  trim(bounds: JournalBounds, now: number): void {
    let ends = this.#readEnds();
    const { oldest } = ends;
    const outside = (e: Ends): boolean =>
      e.head - e.oldest + 1 > bounds.maxEvents ||
      e.total - e.totalBefore > bounds.maxBytes ||
      now - e.oldestAt > bounds.maxAgeMs;
    // The newest entry always stays: the sequence continues from it.
    while (ends.oldest < ends.head && outside(ends)) {
      // The first step skips everything that exceeds the number of events.
      const next = Math.max(ends.oldest + 1, ends.head - bounds.maxEvents + 1);
      ends = { ...ends, ...this.#readOldest(Math.min(next, ends.head)) };
    }
    if (ends.oldest > oldest) this.sql.exec("DELETE FROM entries WHERE seq < ?", ends.oldest);
    this.#ends = ends;
  }

  readFact(key: string): string | null {
    return (
      this.first<{ value: string }>("SELECT value FROM facts WHERE key = ?", key)?.value ?? null
    );
  }

  writeFact(key: string, value: string): void {
    this.sql.exec(
      "INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      key,
      value,
    );
  }

  transaction<T>(work: () => T): T {
    // What an outer transaction has appended must survive a rollback of this one.
    this.#write();
    this.#depth += 1;
    try {
      return this.#storage.transactionSync(() => {
        const result = work();
        this.#write();
        return result;
      });
    } catch (error) {
      this.#ends = null;
      this.#unwritten = [];
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  protected first<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageValue[]
  ): Row | null {
    const next = this.sql.exec<Row>(query, ...bindings).next();
    return next.done === true ? null : next.value;
  }

  #migrate(): void {
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, total INTEGER NOT NULL, envelope TEXT NOT NULL, payload TEXT NOT NULL
      );
    `);
    if (this.readFact(OLD_EPOCH_FACT) !== null) this.#takeOver();
  }

  /**
   * Moves the entries of the version before, which had a column for each member. Its epoch goes as well: if that
   * version runs again, it begins a new journal instead of numbering from 1 under an epoch that clients know.
   */
  #takeOver(): void {
    const { sql } = this;
    this.#storage.transactionSync(() => {
      const columns = new Set(
        sql
          .exec<{ name: string }>("SELECT name FROM pragma_table_info('journal')")
          .toArray()
          .map(({ name }) => name),
      );
      // Journals of earlier versions do not have them.
      const [trace, except] = ["trace", "except_connection"].map((name) =>
        columns.has(name) ? name : "NULL",
      );
      sql.exec("DELETE FROM entries");
      if (columns.size > 0) {
        sql.exec(`
          INSERT INTO entries (seq, total, envelope, payload)
            SELECT seq, total, json_object('id', id, 'event', event, 'ts', ts, 'at', at,
              'audience', json(audience), 'except', ${except}, 'topic', topic, 'trace', ${trace}), payload
            FROM journal;
          DROP TABLE journal;
        `);
      }
      sql.exec("DELETE FROM facts WHERE key = ?", EPOCH_FACT);
      sql.exec("UPDATE facts SET key = ? WHERE key = ?", EPOCH_FACT, OLD_EPOCH_FACT);
    });
  }

  #newEpoch(): string {
    const epoch = ulid();
    this.writeFact(EPOCH_FACT, epoch);
    return epoch;
  }

  #readEnds(): Ends {
    if (this.#ends !== null) return this.#ends;
    const newest = this.first<{ seq: number; total: number }>(
      "SELECT seq, total FROM entries ORDER BY seq DESC LIMIT 1",
    );
    const ends: Ends =
      newest === null
        ? { head: 0, oldest: 1, total: 0, totalBefore: 0, oldestAt: 0 }
        : { head: newest.seq, total: newest.total, ...this.#readOldest(0) };
    this.#ends = ends;
    return ends;
  }

  #write(): void {
    if (this.#unwritten.length === 0) return;
    const values = this.#unwritten;
    this.#unwritten = [];
    for (let at = 0; at < values.length; at += ROWS_MAX * ROW_LENGTH) {
      const some = values.slice(at, at + ROWS_MAX * ROW_LENGTH);
      const insert = INSERTS[some.length / ROW_LENGTH - 1];
      if (insert === undefined) throw new RangeError("the journal has a row of another length");
      this.sql.exec(insert, ...some);
    }
  }

  /** The oldest entry from `from` on. There must be one. */
  #readOldest(from: number): Pick<Ends, "oldest" | "oldestAt" | "totalBefore"> {
    this.#write();
    const row = this.sql
      .exec<EntryRow & { total: number }>(
        `SELECT seq, envelope, payload, total FROM entries WHERE seq >= ? ORDER BY seq LIMIT 1`,
        from,
      )
      .one();
    const entry = entryFromRow(row);
    return {
      oldest: entry.seq,
      oldestAt: entry.at,
      totalBefore: row.total - entryBytes(entry),
    };
  }
}

function envelopeOf({ id, event, ts, at, audience, except, topic, trace }: Entry): Envelope {
  const envelope: { -readonly [Member in keyof Envelope]: Envelope[Member] } = {
    id,
    event,
    ts,
    at,
  };
  if (audience !== null) envelope.audience = audience;
  // Entries of a hub of the version before have none.
  if (except !== null && except !== undefined) envelope.except = except;
  if (topic !== null) envelope.topic = topic;
  if (trace !== null) envelope.trace = trace;
  return envelope;
}

function entryFromRow({ seq, envelope, payload }: EntryRow): Entry {
  return { seq, payload, ...NOTHING, ...(JSON.parse(envelope) as Envelope) };
}
