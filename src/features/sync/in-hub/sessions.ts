import {
  SYNC_ALIVE_QUIET_MS,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_LISTED_ACTIVE_MS,
} from "../../../protocol/limits.ts";
import type { HubTurn } from "../../../hub/extension.ts";
import type { Session } from "../records.ts";
import { newId } from "./ids.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { sessionUpdates } from "./updates.ts";
import { type Change, type Changed, versionedChange } from "./versioned.ts";

/** A session as it is stored. */
export type SessionRow = Omit<Session, "active" | "lastMessage"> & {
  readonly tag: string;
  readonly active: number;
  readonly deletedAt: number | null;
  /** Until then beats are dropped, milliseconds. */
  readonly quietUntil: number;
};

/** What messages and beats need of a session. They come often, and its texts may be long. */
type OpenSession = Pick<SessionRow, "seq" | "active" | "activeAt" | "quietUntil">;

/** Whether deleted sessions are in a list. */
type Shows = { readonly showsDeleted: boolean };

/** Sessions by their last change, newest first. */
export function recentSessions(
  { sql }: HubTurn,
  { limit, showsDeleted }: { readonly limit: number } & Shows,
): Rows<Session> {
  return sessionsOf(byLastChange(sql, limit + 1, showsDeleted), limit);
}

/**
 * No index has this order: each message and each beat would write a row of it, and an account has few sessions. Only
 * ids are sorted, because a row may be large.
 */
function* byLastChange(
  sql: SqlStorage,
  limit: number,
  showsDeleted: boolean,
): Generator<SessionRow> {
  const ids = sql
    .exec<{ id: string }>(
      `SELECT id FROM sync_sessions WHERE ? OR deletedAt IS NULL
       ORDER BY updatedAt DESC, id DESC LIMIT ?`,
      Number(showsDeleted),
      limit,
    )
    .toArray();
  for (const { id } of ids) {
    const row = sessionRow(sql, id);
    if (row !== null) yield row;
  }
}

/** Sessions by their creation, newest first. */
export function pageOfSessions(
  { sql }: HubTurn,
  page: {
    readonly limit: number;
    readonly before: string | null;
    readonly changedAfter: number | null;
  } & Shows,
): Rows<Session> {
  const found = sql.exec<SessionRow>(
    `SELECT * FROM sync_sessions WHERE (?1 IS NULL OR id < ?1) AND updatedAt > ?2
     AND (?3 OR deletedAt IS NULL) ORDER BY id DESC LIMIT ?4`,
    page.before,
    page.changedAfter ?? -1,
    Number(page.showsDeleted),
    page.limit + 1,
  );
  return sessionsOf(found, page.limit);
}

/** Those that were heard of in the last quarter of an hour. */
export function activeSessions(hub: HubTurn, { limit }: { readonly limit: number }): Rows<Session> {
  const found = hub.sql.exec<SessionRow>(
    `SELECT * FROM sync_sessions WHERE active = 1 AND activeAt > ? AND deletedAt IS NULL
     ORDER BY activeAt DESC, id DESC LIMIT ?`,
    hub.now() - SYNC_LISTED_ACTIVE_MS,
    limit + 1,
  );
  return sessionsOf(found, limit);
}

/** A session, also a deleted one; null: the account has none with this id. */
export function findSession({ sql }: HubTurn, id: string): Session | null {
  const row = sessionRow(sql, id);
  return row === null ? null : sessionFrom(row);
}

/** A session that takes messages and changes; null: there is none, or it was deleted. */
export function openSession(sql: SqlStorage, id: string): OpenSession | null {
  return firstOf<OpenSession>(
    sql,
    `SELECT seq, active, activeAt, quietUntil FROM sync_sessions WHERE id = ? AND deletedAt IS NULL`,
    id,
  );
}

/** Creates a session, or finds the one with this tag, which is there again if it was deleted (sync.md §0b.6). */
export function createSession(
  hub: HubTurn,
  wanted: Pick<SessionRow, "tag" | "metadata" | "agentState" | "dataEncryptionKey">,
): Session {
  const { sql } = hub;
  const now = hub.now();
  const known = firstOf<SessionRow>(sql, "SELECT * FROM sync_sessions WHERE tag = ?", wanted.tag);
  if (known !== null) {
    if (known.deletedAt === null) {
      // It may be heard of again at once.
      sql.exec("UPDATE sync_sessions SET quietUntil = 0 WHERE id = ? AND quietUntil > 0", known.id);
      return sessionFrom(known);
    }
    sql.exec(
      `UPDATE sync_sessions SET deletedAt = NULL, quietUntil = 0, active = 1, activeAt = ?1, updatedAt = ?1
       WHERE id = ?2`,
      now,
      known.id,
    );
    return announced(hub, known.id);
  }
  const id = newId(now);
  sql.exec(
    `INSERT INTO sync_sessions (id, tag, metadata, metadataVersion, agentState, agentStateVersion,
       dataEncryptionKey, active, activeAt, createdAt, updatedAt)
     VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, 1, ?7, ?7, ?7)`,
    id,
    wanted.tag,
    wanted.metadata,
    wanted.agentState,
    wanted.agentState === null ? 0 : 1,
    wanted.dataEncryptionKey,
    now,
  );
  return announced(hub, id);
}

/** Hides a session from lists. Its rows stay. @returns whether the account has it */
export function deleteSession(hub: HubTurn, id: string): boolean {
  const row = sessionRow(hub.sql, id);
  if (row === null) return false;
  if (row.deletedAt !== null) return true;
  const now = hub.now();
  hub.sql.exec(
    `UPDATE sync_sessions SET deletedAt = ?1, active = 0, updatedAt = ?1, quietUntil = ?2 WHERE id = ?3`,
    now,
    now + SYNC_ALIVE_QUIET_MS,
    id,
  );
  sessionUpdates.deleted(hub, id);
  return true;
}

/**
 * Ends a session: it is not active any more.
 * @param at when, milliseconds. What was heard of it later stays
 * @returns when it was heard of last, milliseconds; null: the account has no such session
 */
export function endSession(hub: HubTurn, id: string, at = hub.now()): number | null {
  const row = openSession(hub.sql, id);
  if (row === null) return null;
  const now = hub.now();
  const activeAt = Math.max(row.activeAt, Math.min(Math.floor(at), now));
  hub.sql.exec(
    `UPDATE sync_sessions SET active = 0, activeAt = ?1, updatedAt = ?2, quietUntil = ?3 WHERE id = ?4`,
    activeAt,
    now,
    now + SYNC_ALIVE_QUIET_MS,
    id,
  );
  sessionUpdates.activity(hub, id, { active: false, activeAt, thinking: false });
  return activeAt;
}

/** Replaces the metadata if `expected` is its version. */
export function changeMetadata(hub: HubTurn, id: string, change: Change<string>): Changed {
  const row = sessionRow(hub.sql, id);
  if (row?.deletedAt !== null) return { result: "error", message: "Session not found" };
  const stored = { value: row.metadata, version: row.metadataVersion };
  return versionedChange(stored, change, ({ value, version }) => {
    hub.sql.exec(
      "UPDATE sync_sessions SET metadata = ?, metadataVersion = ?, updatedAt = ? WHERE id = ?",
      value,
      version,
      hub.now(),
      id,
    );
    sessionUpdates.changed(hub, id, { metadata: { value, version } });
  });
}

/** Replaces the agent's state if `expected` is its version. */
export function changeAgentState(hub: HubTurn, id: string, change: Change<string | null>): Changed {
  const row = sessionRow(hub.sql, id);
  if (row?.deletedAt !== null) return { result: "error", message: "Session not found" };
  const stored = { value: row.agentState, version: row.agentStateVersion };
  return versionedChange(stored, change, ({ value, version }) => {
    hub.sql.exec(
      "UPDATE sync_sessions SET agentState = ?, agentStateVersion = ?, updatedAt = ? WHERE id = ?",
      value,
      version,
      hub.now(),
      id,
    );
    sessionUpdates.changed(hub, id, { agentState: { value, version } });
  });
}

/** A session is heard of. */
export function touchSession(hub: HubTurn, id: string, at: number): void {
  hub.sql.exec(
    "UPDATE sync_sessions SET active = 1, activeAt = ?, updatedAt = ? WHERE id = ?",
    at,
    hub.now(),
    id,
  );
}

/** Ends the sessions that were not heard of for too long. */
export function quietSessions(hub: HubTurn): void {
  const late = hub.sql
    .exec<Pick<SessionRow, "id" | "activeAt">>(
      "SELECT id, activeAt FROM sync_sessions WHERE active = 1 AND activeAt <= ?",
      hub.now() - SYNC_INACTIVE_AFTER_MS,
    )
    .toArray();
  for (const { id, activeAt } of late) {
    hub.sql.exec("UPDATE sync_sessions SET active = 0, updatedAt = ? WHERE id = ?", hub.now(), id);
    sessionUpdates.activity(hub, id, { active: false, activeAt, thinking: false });
  }
}

function announced(hub: HubTurn, id: string): Session {
  const row = sessionRow(hub.sql, id);
  if (row === null) throw new Error("a session that was just written is not there");
  const session = sessionFrom(row);
  sessionUpdates.created(hub, session);
  return session;
}

/** The last beat of the active session that was heard of longest ago, milliseconds; null: none is active. */
export function oldestSessionBeat(sql: SqlStorage): number | null {
  const row = firstOf<{ at: number | null }>(
    sql,
    "SELECT MIN(activeAt) AS at FROM sync_sessions WHERE active = 1",
  );
  return row?.at ?? null;
}

function sessionRow(sql: SqlStorage, id: string): SessionRow | null {
  return firstOf<SessionRow>(sql, "SELECT * FROM sync_sessions WHERE id = ?", id);
}

function sessionsOf(found: Iterable<SessionRow>, limit: number): Rows<Session> {
  const { rows, hasMore } = rowsOf(found, limit);
  return { rows: rows.map(sessionFrom), hasMore };
}

function sessionFrom(row: SessionRow): Session {
  const { tag: _, deletedAt: __, quietUntil: ___, active, ...rest } = row;
  return { ...rest, active: active === 1, lastMessage: null };
}
