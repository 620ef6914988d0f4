/** A connection that an extension has been told of. */
export type KnownConnection = {
  readonly connectionId: string;
  readonly sub: string;
  /** JSON text. */
  readonly scope: string;
};

/** The connections that the extensions of a hub know, which outlive a crash. */
export class SqliteConnections {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS connections (
        connection_id TEXT PRIMARY KEY, sub TEXT NOT NULL, scope TEXT NOT NULL
      ) WITHOUT ROWID;
    `);
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
}
