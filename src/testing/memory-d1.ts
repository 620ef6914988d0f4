import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Fate } from "./virtual-guild.ts";
import type { VirtualTime } from "./virtual-time.ts";

const MIGRATIONS = `${import.meta.dirname}/../../migrations`;

/** The parts of D1 that adapters use, with SQLite in memory, and a network that can lose requests. */
export class MemoryD1 {
  /** Decides the fate of each request. */
  fate: () => Fate = () => ({});
  /** How many requests it was sent. */
  requests = 0;
  readonly #time: VirtualTime;
  #database: DatabaseSync | null = null;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** What a caller has of it. @param isAlive nothing comes back to one that has died, and it sends nothing more */
  binding(isAlive: () => boolean = () => true): D1Database {
    const send = async <T>(run: () => T): Promise<T> => {
      if (!isAlive()) return forever();
      this.requests += 1;
      const { thereMs = 0, backMs = 0, lost } = this.fate();
      await this.#pass(thereMs);
      const result = lost === "request" ? undefined : { value: run() };
      await this.#pass(backMs);
      if (!isAlive()) return forever();
      if (result === undefined || lost === "answer") throw new Error("D1 has not answered");
      return result.value;
    };
    const bound = (query: string, values: SQLInputValue[]) => ({
      raw: () => send(() => this.rows(query, ...values).map((row) => Object.values(row))),
      run: () => send(() => ({ results: this.rows(query, ...values) })),
    });
    const database = {
      prepare: (query: string) => ({
        bind: (...values: SQLInputValue[]) => bound(query, values),
      }),
    };
    return database as unknown as D1Database;
  }

  /** Runs a statement at once. @returns its rows */
  rows(query: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    this.#database ??= migrated();
    return this.#database.prepare(query).all(...values);
  }

  async #pass(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => this.#time.after(ms, resolve));
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}

function migrated(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  const names = readdirSync(MIGRATIONS).filter((name) => name.endsWith(".sql"));
  for (const name of names.toSorted()) {
    database.exec(readFileSync(`${MIGRATIONS}/${name}`, "utf8"));
  }
  return database;
}
