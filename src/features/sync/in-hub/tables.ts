import { SYNC_LIST_MAX_LENGTH } from "../../../protocol/limits.ts";

/**
 * What an account owns, in the SQLite of its hub (sync.md §5). Times are milliseconds since 1970; keys are base64, as
 * clients send them. It runs at each wake.
 */
export function createTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS sync_facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sync_sessions (
      id TEXT PRIMARY KEY, tag TEXT NOT NULL UNIQUE,
      metadata TEXT NOT NULL, metadataVersion INTEGER NOT NULL,
      agentState TEXT, agentStateVersion INTEGER NOT NULL,
      dataEncryptionKey TEXT, seq INTEGER NOT NULL DEFAULT 0,
      active INTEGER NOT NULL, activeAt INTEGER NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL,
      deletedAt INTEGER, quietUntil INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS sync_messages (
      id TEXT NOT NULL, sessionId TEXT NOT NULL, localId TEXT, seq INTEGER NOT NULL,
      content TEXT NOT NULL, createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL,
      PRIMARY KEY (sessionId, id)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS sync_messages_by_local_id
      ON sync_messages (sessionId, localId) WHERE localId IS NOT NULL;
    CREATE UNIQUE INDEX IF NOT EXISTS sync_messages_by_seq ON sync_messages (sessionId, seq);
    CREATE TABLE IF NOT EXISTS sync_machines (
      id TEXT PRIMARY KEY,
      metadata TEXT NOT NULL, metadataVersion INTEGER NOT NULL,
      daemonState TEXT, daemonStateVersion INTEGER NOT NULL,
      dataEncryptionKey TEXT, seq INTEGER NOT NULL DEFAULT 0,
      active INTEGER NOT NULL, activeAt INTEGER NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL
    );
    -- The body comes last: whoever reads the columns before it does not read its pages.
    CREATE TABLE IF NOT EXISTS sync_artifacts (
      id TEXT PRIMARY KEY, headerVersion INTEGER NOT NULL, bodyVersion INTEGER NOT NULL,
      dataEncryptionKey TEXT NOT NULL, seq INTEGER NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL,
      header TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS sync_artifacts_by_change ON sync_artifacts (updatedAt, id);
    CREATE TABLE IF NOT EXISTS sync_artifact_claims (
      id TEXT PRIMARY KEY, number INTEGER NOT NULL, releasing INTEGER NOT NULL, due INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sync_artifact_requests (
      request INTEGER PRIMARY KEY, connection TEXT NOT NULL, ack TEXT, id TEXT NOT NULL,
      dataEncryptionKey TEXT NOT NULL, header TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sync_access_keys (
      sessionId TEXT NOT NULL, machineId TEXT NOT NULL, id TEXT NOT NULL,
      data TEXT NOT NULL, dataVersion INTEGER NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, PRIMARY KEY (sessionId, machineId)
    );
    CREATE INDEX IF NOT EXISTS sync_access_keys_by_machine ON sync_access_keys (machineId);
    DROP TABLE IF EXISTS sync_methods;
    CREATE TABLE IF NOT EXISTS sync_registrations (
      id INTEGER PRIMARY KEY, method TEXT NOT NULL, connection TEXT NOT NULL, lostAt INTEGER
    );
    CREATE INDEX IF NOT EXISTS sync_registrations_by_method ON sync_registrations (method);
    CREATE UNIQUE INDEX IF NOT EXISTS sync_registrations_by_connection
      ON sync_registrations (connection, method);
    CREATE TABLE IF NOT EXISTS sync_waiting_calls (
      id INTEGER PRIMARY KEY, caller TEXT NOT NULL, ack TEXT NOT NULL, method TEXT NOT NULL,
      params TEXT NOT NULL, deadline INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sync_usage_reports (
      sessionId TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, PRIMARY KEY (sessionId, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sync_usage_reports_by_time ON sync_usage_reports (createdAt);
    CREATE TABLE IF NOT EXISTS sync_push_tokens (
      token TEXT PRIMARY KEY, id TEXT NOT NULL, createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sync_vendor_tokens (
      vendor TEXT PRIMARY KEY, token TEXT NOT NULL, updatedAt INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sync_feed_posts (
      counter INTEGER PRIMARY KEY, id TEXT NOT NULL, repeatKey TEXT UNIQUE, body TEXT NOT NULL,
      createdAt INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sync_heard (
      id TEXT PRIMARY KEY, heardAt INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sync_heard_by_time ON sync_heard (heardAt);
    CREATE TABLE IF NOT EXISTS sync_settings (
      id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT, version INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sync_kv (
      sortKey TEXT PRIMARY KEY, key TEXT NOT NULL, value TEXT, version INTEGER NOT NULL,
      createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL
    ) WITHOUT ROWID;
  `);
}

/** The first row of a query; null: there is none. */
export function firstOf<Row extends Record<string, SqlStorageValue>>(
  sql: SqlStorage,
  query: string,
  ...values: SqlStorageValue[]
): Row | null {
  const next = sql.exec<Row>(query, ...values).next();
  return next.done === true ? null : next.value;
}

/** Rows of a list, and whether it would have had more. */
export type Rows<Row> = { readonly rows: Row[]; readonly hasMore: boolean };

/**
 * The first rows of a query, as many as one answer may hold: at most `limit`, and no more texts than
 * {@link SYNC_LIST_MAX_LENGTH}. A row that is longer comes alone.
 */
export function rowsOf<Row extends Record<string, SqlStorageValue>>(
  found: Iterable<Row>,
  limit: number,
): Rows<Row> {
  const rows: Row[] = [];
  let length = 0;
  for (const row of found) {
    for (const value of Object.values(row)) if (typeof value === "string") length += value.length;
    const isFull = rows.length === limit || (rows.length > 0 && length > SYNC_LIST_MAX_LENGTH);
    if (isFull) return { rows, hasMore: true };
    rows.push(row);
  }
  return { rows, hasMore: false };
}
