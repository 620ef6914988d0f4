import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_INACTIVE_AFTER_MS } from "../../../protocol/limits.ts";
import type { Machine } from "../records.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { machineUpdates } from "./updates.ts";
import { type Change, type Changed, versionedChange } from "./versioned.ts";

type MachineRow = Omit<Machine, "accountId" | "active" | "lastActiveAt"> & {
  readonly active: number;
};

/** Machines, those that were heard of last first. */
export function listMachines(
  { sql, name }: HubTurn,
  { limit, activeOnly }: { readonly limit: number; readonly activeOnly: boolean },
): Rows<Machine> {
  const found = sql.exec<MachineRow>(
    `SELECT * FROM sync_machines WHERE NOT ? OR active = 1 ORDER BY activeAt DESC, id LIMIT ?`,
    Number(activeOnly),
    limit + 1,
  );
  const { rows, hasMore } = rowsOf(found, limit);
  return { rows: rows.map((row) => machineFrom(name, row)), hasMore };
}

/** null: the account has no machine with this id. */
export function findMachine({ sql, name }: HubTurn, id: string): Machine | null {
  const row = machineRow(sql, id);
  return row === null ? null : machineFrom(name, row);
}

/** Creates a machine, or finds the one with this id. */
export function createMachine(
  hub: HubTurn,
  wanted: Pick<Machine, "id" | "metadata" | "daemonState" | "dataEncryptionKey">,
): Machine {
  const known = findMachine(hub, wanted.id);
  if (known !== null) return known;
  const { id, metadata, daemonState, dataEncryptionKey } = wanted;
  hub.sql.exec(
    `INSERT INTO sync_machines (id, metadata, metadataVersion, daemonState, daemonStateVersion,
       dataEncryptionKey, active, activeAt, createdAt, updatedAt)
     VALUES (?1, ?2, 1, ?3, ?4, ?5, 0, ?6, ?6, ?6)`,
    id,
    metadata,
    daemonState,
    daemonState === null ? 0 : 1,
    dataEncryptionKey,
    hub.now(),
  );
  const created = findMachine(hub, id);
  if (created === null) throw new Error("a machine that was just written is not there");
  machineUpdates.created(hub, created);
  return created;
}

/** Changes a machine whatever its versions are (`PUT /v1/machines/:id/status`). @returns null: there is none */
export function overwriteMachine(
  hub: HubTurn,
  id: string,
  wanted: {
    readonly active?: boolean | undefined;
    readonly metadata?: string | undefined;
    readonly daemonState?: string | undefined;
  },
): Machine | null {
  const before = findMachine(hub, id);
  if (before === null) return null;
  const now = hub.now();
  const active = wanted.active ?? before.active;
  const metadata = wanted.metadata ?? before.metadata;
  const metadataVersion = before.metadataVersion + Number(wanted.metadata !== undefined);
  const daemonState = wanted.daemonState ?? before.daemonState;
  const daemonStateVersion = before.daemonStateVersion + Number(wanted.daemonState !== undefined);
  hub.sql.exec(
    `UPDATE sync_machines SET active = ?, metadata = ?, metadataVersion = ?, daemonState = ?,
       daemonStateVersion = ?, seq = seq + 1, activeAt = ?, updatedAt = ? WHERE id = ?`,
    Number(active),
    metadata,
    metadataVersion,
    daemonState,
    daemonStateVersion,
    now,
    now,
    id,
  );
  machineUpdates.changed(hub, id, {
    ...(wanted.metadata === undefined
      ? {}
      : { metadata: { value: metadata, version: metadataVersion } }),
    ...(wanted.daemonState === undefined
      ? {}
      : { daemonState: { value: daemonState, version: daemonStateVersion } }),
    active,
    activeAt: now,
  });
  if (active !== before.active) machineUpdates.activity(hub, id, { active, activeAt: now });
  return findMachine(hub, id);
}

/** Deletes a machine with its access keys (sync.md §4). @returns whether the account had it */
export function deleteMachine(hub: HubTurn, id: string): boolean {
  if (machineRow(hub.sql, id) === null) return false;
  hub.sql.exec("DELETE FROM sync_machines WHERE id = ?", id);
  hub.sql.exec("DELETE FROM sync_access_keys WHERE machineId = ?", id);
  machineUpdates.deleted(hub, id);
  return true;
}

/** Replaces the metadata if `expected` is its version. */
export function changeMachineMetadata(hub: HubTurn, id: string, change: Change<string>): Changed {
  const row = machineRow(hub.sql, id);
  if (row === null) return { result: "error", message: "Machine not found" };
  const stored = { value: row.metadata, version: row.metadataVersion };
  return versionedChange(stored, change, ({ value, version }) => {
    hub.sql.exec(
      `UPDATE sync_machines SET metadata = ?, metadataVersion = ?, seq = seq + 1, updatedAt = ? WHERE id = ?`,
      value,
      version,
      hub.now(),
      id,
    );
    machineUpdates.changed(hub, id, { metadata: { value, version } });
  });
}

/** Replaces the daemon's state if `expected` is its version. The machine is heard of. */
export function changeDaemonState(
  hub: HubTurn,
  id: string,
  change: Change<string | null>,
): Changed {
  const row = machineRow(hub.sql, id);
  if (row === null) return { result: "error", message: "Machine not found" };
  const stored = { value: row.daemonState, version: row.daemonStateVersion };
  return versionedChange(stored, change, ({ value, version }) => {
    const now = hub.now();
    hub.sql.exec(
      `UPDATE sync_machines SET daemonState = ?1, daemonStateVersion = ?2, seq = seq + 1, active = 1,
         activeAt = ?3, updatedAt = ?3 WHERE id = ?4`,
      value,
      version,
      now,
      id,
    );
    const activity = { active: true, activeAt: now };
    machineUpdates.changed(hub, id, { daemonState: { value, version }, ...activity });
    if (row.active === 0) machineUpdates.activity(hub, id, activity);
  });
}

/** Notes whether a machine is heard of. @returns whether the account has it */
export function setMachineActive(
  hub: HubTurn,
  id: string,
  active: boolean,
  activeAt = hub.now(),
): boolean {
  if (machineRow(hub.sql, id) === null) return false;
  hub.sql.exec(
    "UPDATE sync_machines SET active = ?, activeAt = ?, updatedAt = ? WHERE id = ?",
    Number(active),
    activeAt,
    hub.now(),
    id,
  );
  return true;
}

/** Ends the machines that were not heard of for too long. */
export function quietMachines(hub: HubTurn): void {
  const late = hub.sql
    .exec<Pick<MachineRow, "id" | "activeAt">>(
      "SELECT id, activeAt FROM sync_machines WHERE active = 1 AND activeAt <= ?",
      hub.now() - SYNC_INACTIVE_AFTER_MS,
    )
    .toArray();
  for (const { id, activeAt } of late) {
    setMachineActive(hub, id, false, activeAt);
    machineUpdates.activity(hub, id, { active: false, activeAt });
  }
}

/** The last beat of the active machine that was heard of longest ago, milliseconds; null: none is active. */
export function oldestMachineBeat(sql: SqlStorage): number | null {
  const row = firstOf<{ at: number | null }>(
    sql,
    "SELECT MIN(activeAt) AS at FROM sync_machines WHERE active = 1",
  );
  return row?.at ?? null;
}

function machineRow(sql: SqlStorage, id: string): MachineRow | null {
  return firstOf<MachineRow>(sql, "SELECT * FROM sync_machines WHERE id = ?", id);
}

function machineFrom(accountId: string, { active, ...row }: MachineRow): Machine {
  return { ...row, accountId, active: active === 1, lastActiveAt: row.activeAt };
}
