import { describe, expect, test } from "vitest";
import { SqliteStore } from "./sqlite-store.ts";
import { memoryStore, MemoryStorage } from "../testing/memory-storage.ts";
import { entryFor, storeSuite } from "../testing/store-suite.ts";

describe("the store over a storage in memory", () => {
  storeSuite(async (use) => use(memoryStore("epoch-1")));
});

describe("a journal of the version before", () => {
  const EPOCH = "01JOURNALBEFORE";
  /** A storage as that version leaves it. @param columns that it adds to the first ones */
  const storageBefore = (storage: MemoryStorage, columns = ""): MemoryStorage => {
    storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS journal (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, event TEXT NOT NULL, payload TEXT NOT NULL,
        ts INTEGER NOT NULL, at INTEGER NOT NULL, audience TEXT, topic TEXT, total INTEGER NOT NULL${columns}
      );
    `);
    storage.sql.exec("INSERT INTO facts VALUES ('epoch', ?)", EPOCH);
    return storage;
  };

  test("is taken over with its epoch, whatever columns it has, and once", () => {
    for (const columns of ["", ", trace TEXT", ", trace TEXT, except_connection TEXT"]) {
      const storage = storageBefore(new MemoryStorage(), columns);
      const old = [
        entryFor(7, { audience: ["sub:ä", 'a"b'], topic: "c1", at: 3, ts: 2 }),
        entryFor(8, { payload: '{"text":"ü\\n"}', at: 4 }),
      ];
      let total = 0;
      for (const { seq, id, event, payload, ts, at, audience, topic } of old) {
        total += 100;
        storage.sql.exec(
          "INSERT INTO journal (seq, id, event, payload, ts, at, audience, topic, total) VALUES (?,?,?,?,?,?,?,?,?)",
          seq,
          id,
          event,
          payload,
          ts,
          at,
          audience && JSON.stringify(audience),
          topic,
          total,
        );
      }
      for (let wakes = 0; wakes < 2; wakes += 1) {
        const store = new SqliteStore(storage);
        expect(store.extent()).toEqual({ epoch: EPOCH, head: 8, oldest: 7 });
        expect(store.readAfter(0, 10)).toEqual(old);
      }
      const store = new SqliteStore(storage);
      store.append(entryFor(9));
      expect(store.readAfter(7, 10)).toEqual([old[1], entryFor(9)]);
      store.trim({ maxAgeMs: 1_000, maxEvents: 1, maxBytes: 1_000 }, 4);
      expect(store.extent()).toMatchObject({ oldest: 9, head: 9 });
    }
  });

  test("begins again with another epoch after a rollback, and is the journal from then on", () => {
    const storage = storageBefore(new MemoryStorage());
    new SqliteStore(storage).append(entryFor(1));
    // The version before finds neither its epoch nor its entries.
    expect(storage.sql.exec("SELECT * FROM facts WHERE key = 'epoch'").toArray()).toEqual([]);
    storageBefore(storage);
    storage.sql.exec("UPDATE facts SET value = 'another' WHERE key = 'epoch'");
    const store = new SqliteStore(storage);
    expect(store.extent()).toEqual({ epoch: "another", head: 0, oldest: 1 });
    expect(store.readAfter(0, 10)).toEqual([]);
  });
});

describe("keys that have expired", () => {
  const countOf = (storage: MemoryStorage): number =>
    storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM dedupe").one().n;

  /** Remembers that many keys from now on, in groups. @param storeOf gets the store for each group */
  const addTo = (storeOf: () => SqliteStore, count: number, each: number): void => {
    for (let at = 0; at < count; at += each) {
      const some = Array.from({ length: each }, (_, n) => `new-${at + n}`);
      expect(storeOf().rememberAll(some, 1_000_000, 20)).toBe(true);
    }
  };
  const keysOf = (kind: string): string[] =>
    Array.from({ length: 2_000 }, (_, at) => `${kind}-${at}`);

  test("are deleted while new ones come, and live ones stay", () => {
    const storage = new MemoryStorage();
    const store = new SqliteStore(storage);
    store.rememberAll(keysOf("old"), 10, 0);
    store.rememberAll(keysOf("live"), 1_000_000, 0);
    addTo(() => store, 6_000, 100);
    expect(countOf(storage)).toBe(2_000 + 6_000);
    expect(keysOf("live").some((key) => store.remember(key, 1_000_000, 20))).toBe(false);
    expect(store.remember("old-1", 1_000_000, 20)).toBe(true);
  });

  test("are deleted as well when the hub wakes for every few keys", () => {
    const storage = new MemoryStorage();
    new SqliteStore(storage).rememberAll(keysOf("old"), 10, 0);
    addTo(() => new SqliteStore(storage), 5_000, 5);
    expect(countOf(storage)).toBeLessThan(2_000 + 5_000);
  });
});

describe("a storage in memory", () => {
  const filled = (): MemoryStorage => {
    const storage = new MemoryStorage();
    storage.sql.exec("CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER);");
    storage.sql.exec("INSERT INTO a VALUES (?), (?)", 1, 2);
    return storage;
  };
  const numbers = ({ sql }: MemoryStorage): number[] =>
    sql
      .exec<{ n: number }>("SELECT n FROM a ORDER BY n")
      .toArray()
      .map(({ n }) => n);

  test("rolls back a transaction that fails, also inside of one that does not", () => {
    const storage = filled();
    storage.transactionSync(() => {
      storage.sql.exec("INSERT INTO a VALUES (3)");
      expect(() =>
        storage.transactionSync(() => {
          storage.sql.exec("DELETE FROM a");
          throw new Error("a bug");
        }),
      ).toThrow("a bug");
    });
    expect(numbers(storage)).toEqual([1, 2, 3]);
  });

  test("returns the number of written rows, and `one` only if there is exactly one row", () => {
    const { sql } = filled();
    expect(sql.exec("DELETE FROM a WHERE n > 1").rowsWritten).toBe(1);
    expect(sql.exec("SELECT n FROM a").one()).toEqual({ n: 1 });
    expect(() => sql.exec("SELECT n FROM b").one()).toThrow("not exactly one row");
  });

  test("keeps only the result of work in `rolledBack`", () => {
    const storage = filled();
    const seen = storage.rolledBack(() => {
      storage.sql.exec("DELETE FROM a WHERE n = 1");
      return numbers(storage);
    });
    expect(seen).toEqual([2]);
    expect(numbers(storage)).toEqual([1, 2]);
  });
});
