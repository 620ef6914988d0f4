import type { HubTurn } from "../../../hub/extension.ts";
import { CLIENT_EVENTS } from "../events/from-client.ts";
import { ACCESS_KEY_REFUSALS, type AccessKey } from "../records.ts";
import { newId } from "./ids.ts";
import { firstOf } from "./tables.ts";
import { type Change, type Changed, versionedChange } from "./versioned.ts";

/** Where an access key belongs: it is for one session on one machine (sync.md §3.6). */
type Place = { readonly sessionId: string; readonly machineId: string };

type Refused<Why extends keyof typeof ACCESS_KEY_REFUSALS> = { readonly refused: Why };

/** The access key of a session, also of a deleted one, on a machine. null: it has none. */
export function findAccessKey(
  { sql }: HubTurn,
  place: Place,
): { readonly accessKey: AccessKey | null } | Refused<"nowhere"> {
  if (placeOf(sql, place) === null) return { refused: "nowhere" };
  return { accessKey: keyOf(sql, place) };
}

/** Creates the access key of an open session on a machine, unless there is one. */
export function createAccessKey(
  hub: HubTurn,
  { data, ...place }: Place & { readonly data: string },
): { readonly accessKey: AccessKey } | Refused<"nowhere" | "exists"> {
  const { sql } = hub;
  if (placeOf(sql, place)?.deletedAt !== null) return { refused: "nowhere" };
  if (keyOf(sql, place) !== null) return { refused: "exists" };
  const now = hub.now();
  sql.exec(
    `INSERT INTO sync_access_keys (sessionId, machineId, id, data, dataVersion, createdAt, updatedAt)
     VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)`,
    place.sessionId,
    place.machineId,
    newId(now),
    data,
    now,
  );
  return { accessKey: { data, dataVersion: 1, createdAt: now, updatedAt: now } };
}

/** Replaces the data of an access key if `expected` is its version. */
export function changeAccessKey(hub: HubTurn, place: Place & Change<string>): Changed<string> {
  const { sql } = hub;
  if (placeOf(sql, place)?.deletedAt !== null) {
    return { result: "error", message: ACCESS_KEY_REFUSALS.nowhere };
  }
  const known = keyOf(sql, place);
  if (known === null) return { result: "error", message: ACCESS_KEY_REFUSALS.missing };
  const stored = { value: known.data, version: known.dataVersion };
  return versionedChange(stored, place, ({ value, version }) => {
    sql.exec(
      `UPDATE sync_access_keys SET data = ?, dataVersion = ?, updatedAt = ?
       WHERE sessionId = ? AND machineId = ?`,
      value,
      version,
      hub.now(),
      place.sessionId,
      place.machineId,
    );
  });
}

/** `access-key-get` */
export function getAccessKey(hub: HubTurn, data: unknown): Record<string, unknown> {
  const read = CLIENT_EVENTS["access-key-get"].data.safeParse(data);
  if (!read.success) return { ok: false, error: "Invalid parameters" };
  const found = findAccessKey(hub, read.data);
  return "refused" in found
    ? { ok: false, error: ACCESS_KEY_REFUSALS[found.refused] }
    : { ok: true, ...found };
}

/** The session of a place, whose machine the account has as well; null: it has not both. */
function placeOf(sql: SqlStorage, { sessionId, machineId }: Place) {
  return firstOf<{ deletedAt: number | null }>(
    sql,
    `SELECT deletedAt FROM sync_sessions WHERE id = ? AND EXISTS (
       SELECT 1 FROM sync_machines WHERE id = ?)`,
    sessionId,
    machineId,
  );
}

function keyOf(sql: SqlStorage, { sessionId, machineId }: Place): AccessKey | null {
  return firstOf<AccessKey>(
    sql,
    `SELECT data, dataVersion, createdAt, updatedAt FROM sync_access_keys
     WHERE sessionId = ? AND machineId = ?`,
    sessionId,
    machineId,
  );
}
