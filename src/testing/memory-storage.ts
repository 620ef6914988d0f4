import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { SqliteStore } from "../hub/sqlite-store.ts";

type Row = Record<string, SqlStorageValue>;

/** The parts of a Durable Object's storage that hubs use, with SQLite in memory. */
export class MemoryStorage {
  readonly #database = new DatabaseSync(":memory:");
  /** Compiled statements, by their text. */
  readonly #statements = new Map<string, { run: StatementSync; gives: boolean }>();
  #depth = 0;

  readonly sql = {
    exec: (query: string, ...bindings: SQLInputValue[]) => this.#exec(query, bindings),
  } as unknown as SqlStorage;

  transactionSync<T>(work: () => T): T {
    const name = `level${this.#depth}`;
    this.#exec(`SAVEPOINT ${name}`, []);
    this.#depth += 1;
    try {
      const result = work();
      this.#exec(`RELEASE ${name}`, []);
      return result;
    } catch (error) {
      this.#exec(`ROLLBACK TO ${name}`, []);
      this.#exec(`RELEASE ${name}`, []);
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  /** Runs `work`, rolls its changes back, and returns its result. */
  rolledBack<T>(work: () => T): T {
    let result: { readonly value: T } | undefined;
    const undo = new Error("undone");
    try {
      this.transactionSync(() => {
        result = { value: work() };
        throw undo;
      });
    } catch (error) {
      if (error !== undo) throw error;
    }
    if (result === undefined) throw undo;
    return result.value;
  }

  #exec(query: string, bindings: SQLInputValue[]): Cursor {
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      const [, ...more] = query.split(";");
      if (more.some((part) => part.trim() !== "")) {
        this.#database.exec(query);
        return new Cursor([], 0);
      }
      const run = this.#database.prepare(query);
      statement = { run, gives: run.columns().length > 0 };
      this.#statements.set(query, statement);
    }
    if (statement.gives) return new Cursor(statement.run.all(...bindings) as Row[], 0);
    return new Cursor([], Number(statement.run.run(...bindings).changes));
  }
}

/** The store of a hub whose journal has this epoch. */
export function memoryStore(epoch: string): SqliteStore {
  const store = new SqliteStore(new MemoryStorage());
  store.adopt(epoch);
  return store;
}

/** The result of `exec`. Unlike the real cursor it has read all rows already. */
class Cursor implements Iterable<Row> {
  readonly rowsWritten: number;
  readonly #rows: readonly Row[];
  #next = 0;

  constructor(rows: readonly Row[], rowsWritten: number) {
    this.#rows = rows;
    this.rowsWritten = rowsWritten;
  }

  next(): IteratorResult<Row> {
    const value = this.#rows[this.#next++];
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  toArray(): Row[] {
    return [...this];
  }

  one(): Row {
    const [row, ...more] = this;
    if (row === undefined || more.length > 0) throw new Error("not exactly one row");
    return row;
  }

  [Symbol.iterator](): Iterator<Row> {
    return { next: () => this.next() };
  }
}
