import type { HubTurn } from "../../../hub/extension.ts";
import type { PushToken } from "../hub-commands.ts";
import { newId } from "./ids.ts";
import { firstOf, rowsOf } from "./tables.ts";

/** Keeps a push token of one of the account's devices. Keeping it again changes only `updatedAt` (sync.md §3.12). */
export function addPushToken(hub: HubTurn, token: string): void {
  const now = hub.now();
  hub.sql.exec(
    `INSERT INTO sync_push_tokens (token, id, createdAt, updatedAt) VALUES (?1, ?2, ?3, ?3)
     ON CONFLICT (token) DO UPDATE SET updatedAt = excluded.updatedAt`,
    token,
    newId(now),
    now,
  );
}

/** The push tokens of the account's devices, newest first. */
export function listPushTokens({ sql }: HubTurn): PushToken[] {
  const found = sql.exec<PushToken>(
    "SELECT id, token, createdAt, updatedAt FROM sync_push_tokens ORDER BY createdAt DESC, id DESC",
  );
  return rowsOf(found, Number.POSITIVE_INFINITY).rows;
}

/** Keeps the token of a vendor in place of the one before (sync.md §3.7). @param token sealed by the Worker */
export function keepVendorToken(hub: HubTurn, vendor: string, token: string): void {
  hub.sql.exec(
    "INSERT OR REPLACE INTO sync_vendor_tokens (vendor, token, updatedAt) VALUES (?, ?, ?)",
    vendor,
    token,
    hub.now(),
  );
}

/** Vendors whose tokens are kept, in the order of their names. */
export function listVendors({ sql }: HubTurn): string[] {
  return sql
    .exec<{ vendor: string }>("SELECT vendor FROM sync_vendor_tokens ORDER BY vendor")
    .toArray()
    .map(({ vendor }) => vendor);
}

/** The sealed token of a vendor; null: there is none. */
export function findVendorToken({ sql }: HubTurn, vendor: string): string | null {
  const row = firstOf<{ token: string }>(
    sql,
    "SELECT token FROM sync_vendor_tokens WHERE vendor = ?",
    vendor,
  );
  return row?.token ?? null;
}
