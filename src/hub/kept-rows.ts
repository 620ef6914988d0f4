import type { BeforeEnd } from "./extension.ts";

/** Rows of one statement: their JSON text must stay far below SQLite's bound of 2 MB for a value. */
const ROWS_AT_ONCE = 500;

/** A table whose rows are found by a text. */
type Table<Row, Stored> = {
  readonly name: string;
  /** All columns; the first one is the key. */
  readonly columns: readonly [keyof Stored & string, ...(keyof Stored & string)[]];
  readonly keyOf: (row: Row) => string;
  /** In the order of `columns`. */
  readonly valuesOf: (row: Row) => readonly (string | number | null)[];
  readonly rowOf: (stored: Stored) => Row;
};

/**
 * The rows of a table in memory, for an extension that is asked about them at every event. What a turn changes is
 * written together at its end, the last value of each row: an event then needs no statement of its own. Only this
 * object may write the table while it lives. Who reads the table by SQL calls {@link write} before.
 */
export class KeptRows<Row, Stored extends Record<string, SqlStorageValue>> {
  readonly #sql: SqlStorage;
  readonly #table: Table<Row, Stored>;
  readonly #most: number;
  /** The rows, or only those that were used last if they are too many; null: there is none with this key. */
  readonly #rows = new Map<string, Row | null>();
  /** Whether `#rows` has all rows; null: the table was not read yet. */
  #isWhole: boolean | null = null;
  /** What this turn has changed, and whether the table has a row with that key. */
  readonly #changed = new Map<string, { readonly row: Row | null; readonly isStored: boolean }>();

  /** @param most so many rows are kept in memory */
  constructor(sql: SqlStorage, table: Table<Row, Stored>, most: number, beforeEnd: BeforeEnd) {
    this.#sql = sql;
    this.#table = table;
    this.#most = most;
    beforeEnd(() => this.write());
  }

  get(key: string): Row | null {
    this.#isWhole ??= this.#readAll();
    const known = this.#rows.get(key) ?? this.#changed.get(key)?.row;
    if (known !== undefined && known !== null) return known;
    if (this.#isWhole || this.#rows.has(key) || this.#changed.has(key)) return null;
    const [row = null] = this.#select(`WHERE ${this.#table.columns[0]} = ?`, key);
    return this.#remember(key, row);
  }

  set(row: Row): void {
    this.#change(this.#table.keyOf(row), row);
  }

  remove(key: string): void {
    this.#change(key, null);
  }

  /** All rows in no certain order; null: they are too many to be kept, so ask SQL. */
  all(): readonly Row[] | null {
    this.#isWhole ??= this.#readAll();
    return this.#isWhole ? [...this.#rows.values()].filter((row) => row !== null) : null;
  }

  /** Writes what has changed. */
  write(): void {
    if (this.#changed.size === 0) return;
    const { name, columns, valuesOf } = this.#table;
    const [key, ...others] = columns;
    const saved: (readonly (string | number | null)[])[] = [];
    const removed: string[] = [];
    for (const [changed, { row }] of this.#changed) {
      if (row === null) removed.push(changed);
      else saved.push(valuesOf(row));
    }
    this.#changed.clear();
    for (let at = 0; at < removed.length; at += ROWS_AT_ONCE) {
      this.#sql.exec(
        `DELETE FROM ${name} WHERE ${key} IN (SELECT value FROM json_each(?))`,
        JSON.stringify(removed.slice(at, at + ROWS_AT_ONCE)),
      );
    }
    for (let at = 0; at < saved.length; at += ROWS_AT_ONCE) {
      this.#sql.exec(
        `INSERT INTO ${name} (${columns.join()})
         SELECT ${columns.map((_, place) => `value ->> ${place}`).join()} FROM json_each(?) WHERE true
         ON CONFLICT (${key}) DO UPDATE SET ${others.map((one) => `${one} = excluded.${one}`).join()}`,
        JSON.stringify(saved.slice(at, at + ROWS_AT_ONCE)),
      );
    }
  }

  /** Writes what has changed, and reads the table anew when it is asked: SQL is about to change it. */
  release(): void {
    this.write();
    this.#rows.clear();
    this.#isWhole = null;
  }

  #change(key: string, row: Row | null): void {
    const isStored = this.#changed.get(key)?.isStored ?? this.get(key) !== null;
    if (row === null && !isStored) this.#changed.delete(key);
    else this.#changed.set(key, { row, isStored });
    this.#remember(key, row);
  }

  #remember(key: string, row: Row | null): Row | null {
    if (this.#isWhole === true && row === null) this.#rows.delete(key);
    else this.#rows.set(key, row);
    if (this.#rows.size > this.#most) {
      this.#rows.clear();
      this.#isWhole = false;
    }
    return row;
  }

  #readAll(): boolean {
    const all = this.#select("LIMIT ?", this.#most + 1);
    if (all.length > this.#most) return false;
    for (const row of all) this.#rows.set(this.#table.keyOf(row), row);
    return true;
  }

  #select(where: string, value: string | number): Row[] {
    const { name, columns, rowOf } = this.#table;
    return this.#sql
      .exec<Stored>(`SELECT ${columns.join()} FROM ${name} ${where}`, value)
      .toArray()
      .map(rowOf);
  }
}
