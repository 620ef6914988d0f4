import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** The SQLite of a hub in memory, for tests that run in Node. */
export type MemorySql = {
  readonly sql: SqlStorage;
  /** What `work` changed is undone when it throws, or when `keeps` says so of its result. */
  readonly transaction: <T>(work: () => T, keeps?: (result: T) => boolean) => T;
};

/** An empty database that answers as `ctx.storage.sql` does, as far as the hubs' tables need it. */
export function memorySql(): MemorySql {
  const database = new DatabaseSync(":memory:");
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const exec = (query: string, ...bindings: readonly SQLInputValue[]) => {
    // A statement prepares only the first of several.
    if (bindings.length === 0 && query.includes(";")) {
      database.exec(query);
      return { toArray: () => [], one: () => ({}) };
    }
    const statement = prepared.get(query) ?? database.prepare(query);
    prepared.set(query, statement);
    const rows = statement.all(...bindings);
    return {
      toArray: () => rows,
      one: () => {
        const [row] = rows;
        if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows, not one`);
        return row;
      },
    };
  };
  return {
    sql: { exec } as unknown as SqlStorage,
    transaction(work, keeps = () => true) {
      database.exec("BEGIN");
      let result;
      try {
        result = work();
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
      database.exec(keeps(result) ? "COMMIT" : "ROLLBACK");
      return result;
    },
  };
}
