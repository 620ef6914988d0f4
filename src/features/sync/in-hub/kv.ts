import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_KV_UPDATE_MAX_BYTES } from "../../../protocol/limits.ts";
import type { KvConflict, KvEntry, KvMutation, KvVersion } from "../records.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { kvChanged } from "./updates.ts";

/** A key as it is stored. A key that was deleted keeps its version, and has no value. */
type Row = { readonly key: string; readonly value: string | null; readonly version: number };

/** The version that a client names for a key that it wants to create, and that is told of a key that never was. */
const NEVER = -1;

/** The present value of a key; null: there is none, or it was deleted. */
export function findKey({ sql }: HubTurn, key: string): KvEntry | null {
  return entryOf(rowOf(sql, key));
}

/** The present values of keys, each once, in the order asked. Keys without one are left out. */
export function findKeys({ sql }: HubTurn, keys: readonly string[]): KvEntry[] {
  return [...new Set(keys)].flatMap((key) => entryOf(rowOf(sql, key)) ?? []);
}

/**
 * Keys that begin with a prefix, by the order of their UTF-16 units (sync.md §0b.19).
 * @param after the key that stands before the first of them; null: the prefix begins the list
 */
export function listKeys(
  { sql }: HubTurn,
  {
    prefix,
    after,
    limit,
  }: { readonly prefix: string; readonly after: string | null; readonly limit: number },
): Rows<KvEntry> {
  const begin = sortKeyOf(prefix);
  const found = sql.exec<KvEntry>(
    `SELECT key, value, version FROM sync_kv
     WHERE sortKey >= ?1 AND sortKey < ?2 AND sortKey > ?3 AND value IS NOT NULL
     ORDER BY sortKey LIMIT ?4`,
    begin,
    // Comes after each digit, and so after every key that goes on.
    `${begin}g`,
    after === null ? "" : sortKeyOf(after),
    limit,
  );
  return rowsOf(found, limit);
}

/**
 * Applies mutations of different keys together, or none of them (sync.md §3.11, §0b.19).
 * @returns the new versions; or if a key has another version than expected, all of those
 */
export function changeKeys(
  hub: HubTurn,
  mutations: readonly KvMutation[],
):
  | { readonly result: "success"; readonly results: KvVersion[] }
  | { readonly result: "version-mismatch"; readonly errors: KvConflict[] } {
  const before = mutations.map((mutation) => ({ mutation, row: rowOf(hub.sql, mutation.key) }));
  const errors = before.flatMap(({ mutation, row }) =>
    isCurrent(mutation, row) ? [] : conflictOf(mutation.key, row),
  );
  if (errors.length > 0) return { result: "version-mismatch", errors };
  const now = hub.now();
  const changes = before.map(({ mutation: { key, value }, row }) => {
    // A key that is there again goes on from its last version, so that no version comes twice.
    const version = (row?.version ?? 0) + 1;
    hub.sql.exec(
      `INSERT INTO sync_kv (sortKey, key, value, version, createdAt, updatedAt)
       VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (sortKey)
       DO UPDATE SET value = excluded.value, version = excluded.version, updatedAt = excluded.updatedAt`,
      sortKeyOf(key),
      key,
      value,
      version,
      now,
    );
    return { key, value, version };
  });
  for (const part of inUpdates(changes)) kvChanged(hub, part);
  return {
    result: "success",
    results: changes.map(({ key, version }) => ({ key, version })),
  };
}

/** Whether a mutation names what is there. */
function isCurrent({ value, version }: KvMutation, row: Row | null): boolean {
  // Nobody deletes what is not there.
  if (version === NEVER) return value !== null && (row?.value ?? null) === null;
  return row?.version === version;
}

function conflictOf(key: string, row: Row | null): KvConflict {
  const { version = NEVER, value = null } = row ?? {};
  return { key, error: "version-mismatch", version, value };
}

/** The changes of a batch in as few updates as can carry them: mostly one. */
function* inUpdates(changes: readonly Row[]): Generator<readonly Row[]> {
  let part: Row[] = [];
  let bytes = 0;
  for (const change of changes) {
    const more = Buffer.byteLength(JSON.stringify(change)) + 1;
    if (bytes + more > SYNC_KV_UPDATE_MAX_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(change);
    bytes += more;
  }
  yield part;
}

/**
 * What keys are stored and found by: four digits for each UTF-16 unit. SQLite compares texts by their bytes in UTF-8,
 * which gives another order beyond U+FFFF.
 */
function sortKeyOf(key: string): string {
  let sortKey = "";
  for (let at = 0; at < key.length; at += 1) {
    sortKey += key.charCodeAt(at).toString(16).padStart(4, "0");
  }
  return sortKey;
}

function rowOf(sql: SqlStorage, key: string): Row | null {
  return firstOf<Row>(
    sql,
    "SELECT key, value, version FROM sync_kv WHERE sortKey = ?",
    sortKeyOf(key),
  );
}

function entryOf(row: Row | null): KvEntry | null {
  return row === null || row.value === null ? null : { ...row, value: row.value };
}
