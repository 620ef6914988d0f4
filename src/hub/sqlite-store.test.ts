import { describe, expect, test } from "vitest";
import { memoryStore, MemoryStorage } from "../testing/memory-storage.ts";
import { storeSuite } from "../testing/store-suite.ts";

describe("the store over a storage in memory", () => {
  storeSuite(async (use) => use(memoryStore("epoch-1")));
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
