import { accessSync, chmodSync, constants, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** How long a start waits for the previous process to release the file, milliseconds. */
const LOCK_WAIT_MS = 5_000;

/** The opened database, or a `message` that says what to do. */
export type OpenedDatabase =
  | { readonly ok: true; readonly db: DatabaseSync }
  | { readonly ok: false; readonly message: string };

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Explains missing write access, the usual problem with the volume of a container; undefined: there is access. */
function notWritable(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (
      `STATE_DIR: ${directory} belongs to user ${statSync(directory).uid}, and user ` +
      `${process.getuid?.() ?? "?"}, whom this process runs as, cannot write there (${reason(error)}). ` +
      `Give that user the directory, or name another one.`
    );
  }
}

/** The gateway-worker's own files in its directory. */
const OWN_FILE = /^(?:state\.sqlite|dead-letters\.)/;

/**
 * Removes other users' access to files that an earlier version created. The files contain Discord's session
 * and the guilds' events.
 */
function closeToOthers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (!OWN_FILE.test(name)) continue;
    try {
      chmodSync(join(directory, name), 0o600);
    } catch {
      // The volume has no modes, or the file belongs to another user. It is usable anyway.
    }
  }
}

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
 * - WAL with `synchronous = FULL`: a weaker setting would survive SIGKILL, but the host of a container can lose
 *   power. Our heartbeats tell Discord which dispatches we have, and Discord may then forget them, so they must be
 *   on disk first. It costs one fsync per dispatch; with two intents there are few.
 * - An exclusive lock while the process lives: two processes on one file would each publish half of the events.
 *   The kernel releases the lock of a killed process.
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

/**
 * Opens `state.sqlite` in a directory and creates the directory if needed.
 * @param lockWaitMs how long another process may still hold the file, milliseconds
 */
export function openDatabase(directory: string, lockWaitMs: number = LOCK_WAIT_MS): OpenedDatabase {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    return {
      ok: false,
      message: `STATE_DIR: ${directory} cannot be created (${reason(error)}). Name a directory this user may write to.`,
    };
  }
  const message = notWritable(directory);
  if (message !== undefined) return { ok: false, message };
  let db: DatabaseSync | null = null;
  try {
    closeToOthers(directory);
    db = new DatabaseSync(join(directory, "state.sqlite"), { timeout: lockWaitMs });
    prepareSchema(db);
    return { ok: true, db };
  } catch (error) {
    db?.close();
    const why = reason(error);
    return {
      ok: false,
      message: /locked|busy/i.test(why)
        ? `STATE_DIR: another gateway-worker works with ${directory}. Stop it first, or name another directory.`
        : `STATE_DIR: ${directory}/state.sqlite cannot be used: ${why}. Name a directory this user may write to, or move the file away to start afresh.`,
    };
  }
}

/**
 * Runs `work` in one transaction.
 * @throws what `work` throws, after a rollback. The memory may then be ahead of the file: the process has
 * to end, so that the next one starts from the file.
 */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
