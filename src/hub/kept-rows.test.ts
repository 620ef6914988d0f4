import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStorage } from "../testing/memory-storage.ts";
import { KeptObjects } from "./extension-turns.ts";
import type { BeforeEnd, Kept } from "./extension.ts";
import { KeptRows } from "./kept-rows.ts";

type Row = { readonly id: string; readonly note: string | null; readonly n: number };

/** So many rows are kept in memory. */
const MOST = 4;

const rowsOf = (sql: SqlStorage, _: Kept, beforeEnd: BeforeEnd): KeptRows<Row, Row> =>
  new KeptRows<Row, Row>(
    sql,
    {
      name: "rows",
      columns: ["id", "note", "n"],
      keyOf: ({ id }) => id,
      valuesOf: ({ id, note, n }) => [id, note, n],
      rowOf: (row) => ({ ...row }),
    },
    MOST,
    beforeEnd,
  );

function setUp() {
  const storage = new MemoryStorage();
  storage.sql.exec("CREATE TABLE rows (id TEXT PRIMARY KEY, note TEXT, n INTEGER NOT NULL) STRICT");
  /** Statements that write. */
  let writes = 0;
  const sql = {
    exec: (query: string, ...bindings: SqlStorageValue[]) => {
      if (!query.startsWith("SELECT")) writes += 1;
      return storage.sql.exec(query, ...bindings);
    },
  } as SqlStorage;
  const objects = new KeptObjects(sql);
  return {
    objects,
    rows: () => objects.kept(rowsOf),
    writes: () => writes,
    stored: (): Row[] =>
      storage.sql.exec<Row>("SELECT id, note, n FROM rows ORDER BY id").toArray(),
  };
}

describe("rows that are kept in memory", () => {
  it("are written together at the end of a turn, and only what has changed in the table", () => {
    const { objects, rows, writes, stored } = setUp();
    rows().set({ id: "a", note: null, n: 1 });
    rows().set({ id: "a", note: "ä'\"\u2028", n: 2 });
    rows().set({ id: "007", note: "1", n: 3 });
    // Nothing of this one is ever stored.
    rows().set({ id: "brief", note: null, n: 4 });
    rows().remove("brief");
    expect([stored(), rows().get("a")?.n]).toEqual([[], 2]);
    objects.write();
    expect(writes()).toBe(1);
    expect(stored()).toEqual([
      { id: "007", note: "1", n: 3 },
      { id: "a", note: "ä'\"\u2028", n: 2 },
    ]);
    rows().remove("a");
    objects.write();
    objects.write();
    expect([writes(), stored().map(({ id }) => id)]).toEqual([2, ["007"]]);
  });

  it("are those of the table, few or many", () => {
    const id = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const step = fc.oneof(
      fc.record({ do: fc.constant("set" as const), id, n: fc.nat(9) }),
      fc.record({ do: fc.constant("remove" as const), id }),
      fc.record({ do: fc.constantFrom("end" as const, "release" as const, "wake" as const), id }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
        const { objects, rows, stored } = setUp();
        const model = new Map<string, Row>();
        for (const one of steps) {
          if (one.do === "set") {
            const row = { id: one.id, note: null, n: one.n };
            model.set(one.id, row);
            rows().set(row);
          } else if (one.do === "remove") {
            model.delete(one.id);
            rows().remove(one.id);
          } else if (one.do === "release") rows().release();
          else {
            objects.write();
            if (one.do === "wake") objects.forget();
            expect(stored()).toEqual(
              [...model.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
            );
          }
          expect(rows().get(one.id)).toEqual(model.get(one.id) ?? null);
          const all = rows().all();
          if (all !== null) expect(new Set(all)).toEqual(new Set(model.values()));
        }
      }),
    );
  });
});
