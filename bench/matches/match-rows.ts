import { readdir } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StackProcess } from "../../dev/testing/stack.ts";

/** The stack's D1, read beside the Worker. */
export class MatchRows {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws when the stack has no D1 with matches */
  static async open({ stateDir }: StackProcess): Promise<MatchRows> {
    const folder = path.join(stateDir, "worker");
    const files = await readdir(folder, { recursive: true });
    for (const file of files.filter((name) => /d1.*\.sqlite$/.test(name))) {
      const database = new DatabaseSync(path.join(folder, file), { readOnly: true });
      const found = database
        .prepare("SELECT 1 FROM sqlite_master WHERE name = 'active_matches'")
        .get();
      if (found !== undefined) return new MatchRows(database);
      database.close();
    }
    throw new Error(`no database in ${folder} has the table active_matches`);
  }

  /** Rows of channels that are there or being made. */
  active(): number {
    return this.#count("SELECT count(*) AS n FROM active_matches");
  }

  /** Matches that are not over. */
  live(): number {
    return this.#count("SELECT count(*) AS n FROM matches WHERE state = 'live'");
  }

  close(): void {
    this.#database.close();
  }

  #count(query: string): number {
    return Number(this.#database.prepare(query).get()?.["n"] ?? Number.NaN);
  }
}
