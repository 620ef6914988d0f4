import { DrizzleQueryError, lt } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

/**
 * What an insert does when the row is there (`onConflictDoUpdate`): it writes over an older revision, and
 * leaves the same or a newer one alone. So copies of a hub's rows may come late, twice, or in any order.
 * @param id the column that a conflict is about
 */
export function overOlder<Row extends { readonly revision: number }>(
  id: SQLiteColumn,
  revision: SQLiteColumn,
  row: Row,
) {
  return { target: id, set: row, setWhere: lt(revision, row.revision) };
}

/** Waits for a query. @throws D1's own error: the message of Drizzle's repeats all values and would be logged */
export async function withoutValues(query: PromiseLike<unknown>): Promise<void> {
  try {
    await query;
  } catch (error) {
    throw error instanceof DrizzleQueryError ? (error.cause ?? error) : error;
  }
}
