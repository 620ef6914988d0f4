import type { CallStore, PendingCall } from "./core/calls.ts";

/** A connection that an extension has been told of. */
export type KnownConnection = {
  readonly connectionId: string;
  readonly sub: string;
  /** JSON text. */
  readonly scope: string;
};

const CALL = "id, caller, ack, target, extension, deadline";

/** What a hub that hears its sockets stores: pending calls, and the connections that its extensions know. */
export class SqliteDuplex implements CallStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS calls (
        id TEXT PRIMARY KEY, caller TEXT NOT NULL, ack TEXT NOT NULL, target TEXT NOT NULL,
        extension TEXT NOT NULL, deadline INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS calls_by_caller ON calls (caller);
      CREATE INDEX IF NOT EXISTS calls_by_target ON calls (target);
      CREATE INDEX IF NOT EXISTS calls_by_deadline ON calls (deadline);
      CREATE TABLE IF NOT EXISTS connections (
        connection_id TEXT PRIMARY KEY, sub TEXT NOT NULL, scope TEXT NOT NULL
      ) WITHOUT ROWID;
    `);
  }

  addCall({ id, caller, ack, target, extension, deadline }: PendingCall): void {
    this.#sql.exec(
      `INSERT INTO calls (${CALL}) VALUES (?, ?, ?, ?, ?, ?)`,
      id,
      caller,
      ack,
      target,
      extension,
      deadline,
    );
  }

  takeCall(id: string, target: string): PendingCall | null {
    return this.#take("id = ? AND target = ?", id, target)[0] ?? null;
  }

  takeCallsTo(target: string): PendingCall[] {
    return this.#take("target = ?", target);
  }

  dropCallsOf(caller: string): void {
    this.#sql.exec("DELETE FROM calls WHERE caller = ?", caller);
  }

  takeDueCalls(now: number): PendingCall[] {
    return this.#take("deadline <= ?", now);
  }

  nextCallDeadline(): number | null {
    const [row] = this.#sql
      .exec<{ at: number | null }>("SELECT MIN(deadline) AS at FROM calls")
      .toArray();
    return row?.at ?? null;
  }

  countCalls(target: string): { readonly all: number; readonly toTarget: number } {
    const { all, toTarget } = this.#sql
      .exec<{ all: number; toTarget: number }>(
        `SELECT (SELECT COUNT(*) FROM calls) AS "all",
                (SELECT COUNT(*) FROM calls WHERE target = ?) AS toTarget`,
        target,
      )
      .one();
    return { all, toTarget };
  }

  rememberConnection({ connectionId, sub, scope }: KnownConnection): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO connections (connection_id, sub, scope) VALUES (?, ?, ?)",
      connectionId,
      sub,
      scope,
    );
  }

  /** @returns whether it was known */
  forgetConnection(connectionId: string): boolean {
    return (
      this.#sql.exec("DELETE FROM connections WHERE connection_id = ?", connectionId).rowsWritten >
      0
    );
  }

  connections(): KnownConnection[] {
    return this.#sql
      .exec<KnownConnection>(
        "SELECT connection_id AS connectionId, sub, scope FROM connections ORDER BY connection_id",
      )
      .toArray();
  }

  #take(where: string, ...values: readonly SqlStorageValue[]): PendingCall[] {
    return this.#sql
      .exec<PendingCall>(`DELETE FROM calls WHERE ${where} RETURNING ${CALL}`, ...values)
      .toArray()
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }
}
