import { ulid } from "ulid";
import {
  entryBytes,
  type Entry,
  type HubStore,
  type JournalBounds,
  type JournalExtent,
  type JournalUsage,
  type PublisherPosition,
  type RelayRow,
  type Revocation,
} from "./core/journal.ts";

type EntryRow = {
  seq: number;
  id: string;
  event: string;
  payload: string;
  ts: number;
  at: number;
  audience: string | null;
  topic: string | null;
  trace: string | null;
};

const COLUMNS = "seq, id, event, payload, ts, at, audience, topic, trace";

/** Expired keys are looked for this often, milliseconds, and so many go at once. */
const SWEEP_EVERY_MS = 60_000;
const SWEEP_KEYS = 500;

/** The ends of the journal, so that neither a publish nor a trim has to ask for them. */
type Ends = {
  head: number;
  oldest: number;
  /** Bytes of all entries ever appended, up to and including the newest. */
  total: number;
  /** The same up to, but without, the oldest one kept. */
  totalBefore: number;
  oldestAt: number;
};

/** {@link HubStore} in the SQLite of a Durable Object (HUB-3). */
export class SqliteStore implements HubStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #epoch: string;
  #ends: Ends | null = null;
  #sweptAt = 0;
  /** Whether there is any revocation; null: not looked up since the last wake. */
  #hasRevocations: boolean | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#migrate();
    this.#epoch = this.readFact("epoch") ?? this.#newEpoch();
  }

  extent(): JournalExtent {
    const { head, oldest } = this.#readEnds();
    return { epoch: this.#epoch, head, oldest };
  }

  append(entry: Entry): void {
    const ends = this.#readEnds();
    const total = ends.total + entryBytes(entry);
    this.#sql.exec(
      `INSERT INTO journal (${COLUMNS}, total) VALUES (?,?,?,?,?,?,?,?,?,?)`,
      entry.seq,
      entry.id,
      entry.event,
      entry.payload,
      entry.ts,
      entry.at,
      entry.audience === null ? null : JSON.stringify(entry.audience),
      entry.topic,
      entry.trace,
      total,
    );
    const first = ends.oldest > ends.head;
    this.#ends = {
      ...ends,
      head: entry.seq,
      total,
      ...(first ? { oldest: entry.seq, oldestAt: entry.at } : {}),
    };
  }

  readAfter(after: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): Entry[] {
    const rows = this.#sql.exec<EntryRow>(
      `SELECT ${COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?`,
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
    return this.#sql
      .exec<EntryRow>(
        `SELECT ${COLUMNS} FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
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
      this.#sql.exec("DELETE FROM journal");
      this.writeFact("epoch", epoch);
    });
    this.#epoch = epoch;
    this.#ends = null;
  }

  trim(bounds: JournalBounds, now: number): void {
    let ends = this.#readEnds();
    const outside = (e: Ends): boolean =>
      e.head - e.oldest + 1 > bounds.maxEvents ||
      e.total - e.totalBefore > bounds.maxBytes ||
      now - e.oldestAt > bounds.maxAgeMs;
    // The newest entry stays whatever its age: the sequence goes on from it.
    while (ends.oldest < ends.head && outside(ends)) {
      this.#sql.exec("DELETE FROM journal WHERE seq = ?", ends.oldest);
      ends = { ...ends, ...this.#readOldest(ends.oldest + 1) };
    }
    this.#ends = ends;
  }

  remember(key: string, expiresAt: number, now: number): boolean {
    this.#sweep(now);
    const written = this.#sql.exec(
      "INSERT INTO dedupe (key, expires_at) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE dedupe.expires_at <= ? RETURNING key",
      key,
      expiresAt,
      now,
    );
    return written.toArray().length === 1;
  }

  readPosition(): PublisherPosition | null {
    const fact = this.readFact("publisher");
    if (fact === null) return null;
    const at = fact.lastIndexOf(":");
    return { epoch: fact.slice(0, at), seq: Number(fact.slice(at + 1)) };
  }

  writePosition(position: PublisherPosition): void {
    this.writeFact("publisher", `${position.epoch}:${position.seq}`);
  }

  readFilter(connectionId: string): readonly string[] | null {
    const row = this.#first<{ topics: string }>(
      "SELECT topics FROM filters WHERE connection_id = ?",
      connectionId,
    );
    return row === null ? null : row.topics.split(" ");
  }

  writeFilter(connectionId: string, topics: readonly string[] | null): void {
    if (topics === null) {
      this.#sql.exec("DELETE FROM filters WHERE connection_id = ?", connectionId);
      return;
    }
    this.#sql.exec(
      "INSERT INTO filters (connection_id, topics) VALUES (?, ?) ON CONFLICT (connection_id) DO UPDATE SET topics = excluded.topics",
      connectionId,
      topics.join(" "),
    );
  }

  retainFilters(connectionIds: ReadonlySet<string>): void {
    const rows = this.#sql.exec<{ connection_id: string }>("SELECT connection_id FROM filters");
    for (const { connection_id: id } of rows.toArray()) {
      if (!connectionIds.has(id)) this.writeFilter(id, null);
    }
  }

  readFact(key: string): string | null {
    return (
      this.#first<{ value: string }>("SELECT value FROM facts WHERE key = ?", key)?.value ?? null
    );
  }

  writeFact(key: string, value: string): void {
    this.#sql.exec(
      "INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      key,
      value,
    );
  }

  writeTask(key: string, at: number | null): void {
    if (at === null) {
      this.#sql.exec("DELETE FROM tasks WHERE key = ?", key);
      return;
    }
    this.#sql.exec(
      "INSERT INTO tasks (key, at) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET at = excluded.at",
      key,
      at,
    );
  }

  readTask(key: string): number | null {
    return this.#first<{ at: number }>("SELECT at FROM tasks WHERE key = ?", key)?.at ?? null;
  }

  dueTasks(now: number): string[] {
    return this.#sql
      .exec<{ key: string }>("SELECT key FROM tasks WHERE at <= ? ORDER BY at, key", now)
      .toArray()
      .map((row) => row.key);
  }

  nextTaskAt(): number | null {
    return this.#first<{ at: number }>("SELECT at FROM tasks ORDER BY at LIMIT 1")?.at ?? null;
  }

  readRelays(): RelayRow[] {
    return this.#sql
      .exec<{ idx: number; state: string; sockets: number; users: number }>(
        "SELECT idx, state, sockets, users FROM relays ORDER BY idx",
      )
      .toArray()
      .map(({ idx, state, sockets, users }) => ({
        index: idx,
        state: state === "draining" ? "draining" : "open",
        sockets,
        users,
      }));
  }

  writeRelay({ index, state, sockets, users }: RelayRow): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO relays (idx, state, sockets, users) VALUES (?, ?, ?, ?)",
      index,
      state,
      sockets,
      users,
    );
  }

  deleteRelay(index: number): void {
    this.#sql.exec("DELETE FROM relays WHERE idx = ?", index);
  }

  writeRevocation({ revision, target, at, expiresAt }: Revocation): void {
    const [kind, value] =
      "sub" in target ? ["sub", target.sub] : ["connection", target.connectionId];
    this.#hasRevocations = true;
    this.#sql.exec("DELETE FROM revocations WHERE expires_at <= ?", at);
    this.#sql.exec(
      "INSERT OR REPLACE INTO revocations (kind, value, revision, at, expires_at) VALUES (?, ?, ?, ?, ?)",
      kind,
      value,
      revision,
      at,
      expiresAt,
    );
  }

  readRevocations(afterRevision: number, now: number): Revocation[] {
    return this.#sql
      .exec<{ kind: string; value: string; revision: number; at: number; expires_at: number }>(
        "SELECT kind, value, revision, at, expires_at FROM revocations WHERE revision > ? AND expires_at > ? ORDER BY revision",
        afterRevision,
        now,
      )
      .toArray()
      .map(({ kind, value, revision, at, expires_at: expiresAt }) => ({
        target: kind === "sub" ? { sub: value } : { connectionId: value },
        revision,
        at,
        expiresAt,
      }));
  }

  readRevokedAt(sub: string, now: number): number | null {
    this.#hasRevocations ??= this.#first("SELECT 1 AS known FROM revocations LIMIT 1") !== null;
    if (!this.#hasRevocations) return null;
    const row = this.#first<{ at: number }>(
      "SELECT at FROM revocations WHERE kind = 'sub' AND value = ? AND expires_at > ?",
      sub,
      now,
    );
    return row?.at ?? null;
  }

  count(name: string, by: number): void {
    this.#sql.exec(
      "INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
      name,
      by,
    );
  }

  readCounters(): Readonly<Record<string, number>> {
    const rows = this.#sql.exec<{ name: string; n: number }>("SELECT name, n FROM counters");
    return Object.fromEntries(rows.toArray().map(({ name, n }) => [name, n]));
  }

  transaction<T>(work: () => T): T {
    try {
      return this.#storage.transactionSync(work);
    } catch (error) {
      this.#ends = null;
      throw error;
    }
  }

  /** Forgets keys that have expired: some now and then, so that no event pays for all of them. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    const { rowsWritten } = this.#sql.exec(
      "DELETE FROM dedupe WHERE key IN (SELECT key FROM dedupe WHERE expires_at <= ? LIMIT ?)",
      now,
      SWEEP_KEYS,
    );
    // With more to do it goes on with the next key.
    if (rowsWritten < SWEEP_KEYS) this.#sweptAt = now;
  }

  #migrate(): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS journal (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, event TEXT NOT NULL, payload TEXT NOT NULL,
        ts INTEGER NOT NULL, at INTEGER NOT NULL, audience TEXT, topic TEXT, total INTEGER NOT NULL
      );
      CREATE TABLE IF NOT EXISTS dedupe (key TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS dedupe_by_expiry ON dedupe (expires_at);
      CREATE TABLE IF NOT EXISTS filters (connection_id TEXT PRIMARY KEY, topics TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS tasks (key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (at);
      CREATE TABLE IF NOT EXISTS relays (
        idx INTEGER PRIMARY KEY, state TEXT NOT NULL, sockets INTEGER NOT NULL, users INTEGER NOT NULL
      );
      CREATE TABLE IF NOT EXISTS revocations (
        kind TEXT NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, PRIMARY KEY (kind, value)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    `);
    const hasTrace = this.#first(
      "SELECT 1 AS known FROM pragma_table_info('journal') WHERE name = 'trace'",
    );
    // Journals of the first version have no such column.
    if (hasTrace === null) this.#sql.exec("ALTER TABLE journal ADD COLUMN trace TEXT");
  }

  #newEpoch(): string {
    const epoch = ulid();
    this.writeFact("epoch", epoch);
    return epoch;
  }

  #readEnds(): Ends {
    if (this.#ends !== null) return this.#ends;
    const newest = this.#first<{ seq: number; total: number }>(
      "SELECT seq, total FROM journal ORDER BY seq DESC LIMIT 1",
    );
    const ends: Ends =
      newest === null
        ? { head: 0, oldest: 1, total: 0, totalBefore: 0, oldestAt: 0 }
        : { head: newest.seq, total: newest.total, ...this.#readOldest(0) };
    this.#ends = ends;
    return ends;
  }

  /** The oldest entry from `from` on; call it when there is one. */
  #readOldest(from: number): Pick<Ends, "oldest" | "oldestAt" | "totalBefore"> {
    const row = this.#sql
      .exec<EntryRow & { total: number }>(
        `SELECT ${COLUMNS}, total FROM journal WHERE seq >= ? ORDER BY seq LIMIT 1`,
        from,
      )
      .one();
    return {
      oldest: row.seq,
      oldestAt: row.at,
      totalBefore: row.total - entryBytes(entryFromRow(row)),
    };
  }

  #first<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageValue[]
  ): Row | null {
    const next = this.#sql.exec<Row>(query, ...bindings).next();
    return next.done === true ? null : next.value;
  }
}

function entryFromRow(row: EntryRow): Entry {
  return {
    seq: row.seq,
    id: row.id,
    event: row.event,
    payload: row.payload,
    ts: row.ts,
    at: row.at,
    audience: row.audience === null ? null : (JSON.parse(row.audience) as string[]),
    topic: row.topic,
    trace: row.trace,
  };
}
