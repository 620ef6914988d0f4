import type { DatabaseSync } from "node:sqlite";

/** Version of the tables below; a file with a newer version is not opened. */
const SCHEMA_VERSION = 3;

const TABLES = `
  CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS guilds (
    guild_id TEXT PRIMARY KEY,
    known INTEGER NOT NULL,
    available INTEGER NOT NULL,
    snapshot_due INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS channels (
    guild_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    name TEXT NOT NULL,
    user_limit INTEGER NOT NULL,
    PRIMARY KEY (guild_id, channel_id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS gone_channels (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    UNIQUE (guild_id, channel_id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS voice_states (
    guild_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    user TEXT,
    PRIMARY KEY (guild_id, user_id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id TEXT NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    ts INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    trace TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS outbox_by_guild ON outbox (guild_id, position);
`;

/**
 * Prepares the file.
 *
 * - WAL with `synchronous = FULL`: for SIGKILL alone less would be enough, but a container's host can lose
 *   power. Our heartbeats tell Discord which dispatches we have, and Discord may then forget them, so they
 *   must be on disk first. It costs one fsync per dispatch; with two intents there are few.
 * - An exclusive lock while the process lives: two processes on one file would each publish half of the
 *   events. The kernel releases the lock of a killed process.
 * @throws when the file is in use, is not SQLite, or was written by a newer version
 */
export function prepareSchema(db: DatabaseSync): void {
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  db.exec("BEGIN IMMEDIATE");
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (version > SCHEMA_VERSION) {
    db.exec("ROLLBACK");
    throw new Error(`it was written by a newer version (${version}) of the gateway-worker`);
  }
  db.exec(TABLES);
  // Version 1 had no traces: its events are sent without one.
  if (version === 1) db.exec("ALTER TABLE outbox ADD COLUMN trace TEXT");
  // Version 2 had no names: they arrive with the next GUILD_CREATE.
  if (version === 1 || version === 2) db.exec("ALTER TABLE voice_states ADD COLUMN user TEXT");
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  db.exec("COMMIT");
}
