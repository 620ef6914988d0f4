import { DrizzleQueryError, lt } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

/**
 * What an insert does when the row exists (`onConflictDoUpdate`): it replaces an older revision, and keeps the
 * same or a newer one. Copies of a hub's rows may therefore arrive late, twice, or in any order.
 * @param id the column of the conflict
 */
export function replacingOlder<Row extends { readonly revision: number }>(
  id: SQLiteColumn,
  revision: SQLiteColumn,
  row: Row,
) {
  return { target: id, set: row, setWhere: lt(revision, row.revision) };
}

/** Waits for a query. @throws D1's own error, because Drizzle's message repeats all values and would be logged */
export async function withoutValues<T>(query: PromiseLike<T>): Promise<T> {
  try {
    return await query;
  } catch (error) {
    throw error instanceof DrizzleQueryError ? (error.cause ?? error) : error;
  }
}
