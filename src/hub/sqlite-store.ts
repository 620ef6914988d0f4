import type { HubStore, PublisherPosition, RelayRow, Revocation } from "./core/journal.ts";
import type { HubRuntime } from "./runtime.ts";
import { SqliteJournal } from "./sqlite-journal.ts";

/**
 * A sweep looks at so many keys and deletes those that have expired. One comes after half as many new keys, so that at
 * most as many expired keys are kept as live ones. An index by expiry would cost a row for each key instead.
 */
const SWEEP_KEYS = 500;
/** Fact: the last key that a sweep has looked at. */
const SWEPT_FACT = "dedupe swept";

/** {@link HubStore} in the SQLite of a Durable Object (HUB-3). */
export class SqliteStore extends SqliteJournal implements HubStore {
  /** New keys since the last sweep. A hub that seldom stays awake must sweep as well, so it begins anywhere. */
  #unswept = Math.random() * (SWEEP_KEYS / 2);
  /** Whether there is any revocation; null: not looked up since the wake. */
  #hasRevocations: boolean | null = null;
  /** The tasks as they are stored; null: not read since the wake, or since a turn was rolled back. */
  #tasks: Map<string, number> | null = null;
  /** When the first of them is due, milliseconds; null: there is none; undefined: to be found again. */
  #nextTaskAt: number | null | undefined;

  /** The publisher's position as it was written last; undefined: it was not, since the wake or a rollback. */
  #position: PublisherPosition | null | undefined;

  constructor(storage: HubRuntime["storage"]) {
    super(storage);
    this.#migrate();
  }

  remember(key: string, expiresAt: number, now: number): boolean {
    return this.rememberAll([key], expiresAt, now);
  }

  rememberAll(keys: readonly string[], expiresAt: number, now: number): boolean {
    if (keys.length === 0) return true;
    this.#sweep(keys.length, now);
    this.sql.exec(
      `INSERT INTO dedupe (key, expires_at) SELECT value, ? FROM json_each(?) WHERE true
       ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE dedupe.expires_at <= ?`,
      expiresAt,
      JSON.stringify(keys),
      now,
    );
    return this.first<{ n: number }>("SELECT changes() AS n")?.n === keys.length;
  }

  readPosition(): PublisherPosition | null {
    if (this.#position !== undefined) return this.#position;
    const fact = this.readFact("publisher");
    if (fact === null || fact === "") return null;
    const at = fact.lastIndexOf(":");
    return { epoch: fact.slice(0, at), seq: Number(fact.slice(at + 1)) };
  }

  writePosition(position: PublisherPosition | null): void {
    this.#position = position;
    this.writeFact("publisher", position === null ? "" : `${position.epoch}:${position.seq}`);
  }

  readFilter(connectionId: string): readonly string[] | null {
    const row = this.first<{ topics: string }>(
      "SELECT topics FROM filters WHERE connection_id = ?",
      connectionId,
    );
    return row === null ? null : row.topics.split(" ");
  }

  writeFilter(connectionId: string, topics: readonly string[] | null): void {
    if (topics === null) {
      this.sql.exec("DELETE FROM filters WHERE connection_id = ?", connectionId);
      return;
    }
    this.sql.exec(
      "INSERT INTO filters (connection_id, topics) VALUES (?, ?) ON CONFLICT (connection_id) DO UPDATE SET topics = excluded.topics",
      connectionId,
      topics.join(" "),
    );
  }

  retainFilters(connectionIds: ReadonlySet<string>): void {
    const rows = this.sql.exec<{ connection_id: string }>("SELECT connection_id FROM filters");
    for (const { connection_id: id } of rows.toArray()) {
      if (!connectionIds.has(id)) this.writeFilter(id, null);
    }
  }

  override transaction<T>(work: () => T): T {
    try {
      return super.transaction(work);
    } catch (error) {
      this.#tasks = null;
      this.#position = undefined;
      throw error;
    }
  }

  writeTask(key: string, at: number | null): void {
    const tasks = this.#knownTasks();
    if (tasks.get(key) === (at ?? undefined)) return;
    this.#nextTaskAt = undefined;
    if (at === null) {
      this.sql.exec("DELETE FROM tasks WHERE key = ?", key);
      tasks.delete(key);
      return;
    }
    this.sql.exec(
      "INSERT INTO tasks (key, at) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET at = excluded.at",
      key,
      at,
    );
    tasks.set(key, at);
  }

  readTask(key: string): number | null {
    return this.#knownTasks().get(key) ?? null;
  }

  dueTasks(now: number): string[] {
    return this.sql
      .exec<{ key: string }>("SELECT key FROM tasks WHERE at <= ? ORDER BY at, key", now)
      .toArray()
      .map((row) => row.key);
  }

  nextTaskAt(): number | null {
    const tasks = this.#knownTasks();
    if (this.#nextTaskAt === undefined) {
      let next = Number.POSITIVE_INFINITY;
      for (const at of tasks.values()) next = Math.min(next, at);
      this.#nextTaskAt = Number.isFinite(next) ? next : null;
    }
    return this.#nextTaskAt;
  }

  readRelays(): RelayRow[] {
    return this.sql
      .exec<Omit<RelayRow, "state"> & { state: string }>(
        'SELECT idx AS "index", state, sockets, users FROM relays ORDER BY idx',
      )
      .toArray()
      .map((row) => ({ ...row, state: row.state === "draining" ? "draining" : "open" }));
  }

  writeRelay({ index, state, sockets, users }: RelayRow): void {
    this.sql.exec(
      "INSERT OR REPLACE INTO relays (idx, state, sockets, users) VALUES (?, ?, ?, ?)",
      index,
      state,
      sockets,
      users,
    );
  }

  deleteRelay(index: number): void {
    this.sql.exec("DELETE FROM relays WHERE idx = ?", index);
  }

  writeRevocation({ revision, target, at, expiresAt }: Revocation): void {
    const [kind, value] =
      "sub" in target ? ["sub", target.sub] : ["connection", target.connectionId];
    this.#hasRevocations = true;
    this.sql.exec("DELETE FROM revocations WHERE expires_at <= ?", at);
    this.sql.exec(
      "INSERT OR REPLACE INTO revocations (kind, value, revision, at, expires_at) VALUES (?, ?, ?, ?, ?)",
      kind,
      value,
      revision,
      at,
      expiresAt,
    );
  }

  readRevocations(afterRevision: number, now: number): Revocation[] {
    return this.sql
      .exec<Omit<Revocation, "target"> & { kind: string; value: string }>(
        `SELECT kind, value, revision, at, expires_at AS expiresAt FROM revocations
         WHERE revision > ? AND expires_at > ? ORDER BY revision`,
        afterRevision,
        now,
      )
      .toArray()
      .map(({ kind, value, ...revocation }) => ({
        ...revocation,
        target: kind === "sub" ? { sub: value } : { connectionId: value },
      }));
  }

  readRevokedAt(sub: string, now: number): number | null {
    this.#hasRevocations ??= this.first("SELECT 1 AS known FROM revocations LIMIT 1") !== null;
    if (!this.#hasRevocations) return null;
    const row = this.first<{ at: number }>(
      "SELECT at FROM revocations WHERE kind = 'sub' AND value = ? AND expires_at > ?",
      sub,
      now,
    );
    return row?.at ?? null;
  }

  count(name: string, by: number): void {
    this.sql.exec(
      "INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
      name,
      by,
    );
  }

  readCounters(): Readonly<Record<string, number>> {
    const rows = this.sql.exec<{ name: string; n: number }>("SELECT name, n FROM counters");
    return Object.fromEntries(rows.toArray().map(({ name, n }) => [name, n]));
  }

  #knownTasks(): Map<string, number> {
    if (this.#tasks !== null) return this.#tasks;
    const rows = this.sql.exec<{ key: string; at: number }>("SELECT key, at FROM tasks").toArray();
    this.#nextTaskAt = undefined;
    this.#tasks = new Map(rows.map(({ key, at }) => [key, at]));
    return this.#tasks;
  }

  /** Deletes some expired keys now and then, so that no single event has to delete all of them. */
  #sweep(newKeys: number, now: number): void {
    this.#unswept += newKeys;
    if (this.#unswept < SWEEP_KEYS / 2) return;
    this.#unswept = 0;
    const after = this.readFact(SWEPT_FACT) ?? "";
    const last = this.first<{ key: string }>(
      "SELECT key FROM dedupe WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?",
      after,
      SWEEP_KEYS - 1,
    );
    const upTo = last === null ? "" : " AND key <= ?";
    const bindings = last === null ? [] : [last.key];
    this.sql.exec(
      `DELETE FROM dedupe WHERE key > ? AND expires_at <= ?${upTo}`,
      after,
      now,
      ...bindings,
    );
    // After the last one it begins again.
    this.writeFact(SWEPT_FACT, last?.key ?? "");
  }

  #migrate(): void {
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS dedupe (key TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
      
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
  }
}
