import { expect, test } from "vitest";
import { entryBytes, type Entry, type HubStore } from "./core/journal.ts";

const BOUNDS = { maxAgeMs: 1_000, maxEvents: 5, maxBytes: 1_000_000 };

/** An entry for tests; `extra` changes what matters. */
export function entryFor(seq: number, extra: Partial<Entry> = {}): Entry {
  return {
    seq,
    id: `id-${seq}`,
    event: "test.happened",
    payload: `{"n":${seq}}`,
    ts: seq,
    at: 0,
    audience: null,
    topic: null,
    trace: null,
    ...extra,
  };
}

/**
 * What every {@link HubStore} does. The memory store runs it in Node, the SQLite one in a Durable
 * Object.
 * @param withStore gives an empty store to a test
 */
export function storeSuite(withStore: (use: (store: HubStore) => void) => Promise<void>): void {
  test("an empty journal has no oldest entry: the next one will be it", () =>
    withStore((store) => {
      const { epoch, head, oldest } = store.extent();
      expect({ head, oldest }).toEqual({ head: 0, oldest: 1 });
      expect(epoch).not.toBe("");
      expect(store.readAfter(0, 10)).toEqual([]);
    }));

  test("entries come back as they went in, both ways, in pages", () =>
    withStore((store) => {
      const entries = [
        entryFor(1, { audience: ["sub:ä", "scope:x y"], topic: "c1" }),
        entryFor(2, { audience: [] }),
        entryFor(3),
      ];
      for (const entry of entries) store.append(entry);
      expect(store.readAfter(0, 10)).toEqual(entries);
      expect(store.readAfter(1, 1)).toEqual([entries[1]]);
      expect(store.readBefore(3, 10)).toEqual([entries[1], entries[0]]);
      expect(store.readBefore(3, 1)).toEqual([entries[1]]);
      expect(store.extent()).toMatchObject({ head: 3, oldest: 1 });
    }));

  test("HUB-3 trims by count, by bytes and by age, and always keeps the newest", () =>
    withStore((store) => {
      for (let seq = 1; seq <= 6; seq += 1) store.append(entryFor(seq, { at: seq }));
      store.trim(BOUNDS, 6);
      expect(store.extent().oldest).toBe(2);
      const size = entryBytes(entryFor(2));
      store.trim({ ...BOUNDS, maxBytes: 3 * size }, 6);
      expect(store.extent().oldest).toBe(4);
      store.trim({ ...BOUNDS, maxBytes: 3 * size - 1 }, 6);
      expect(store.extent().oldest).toBe(5);
      store.trim(BOUNDS, 5 + BOUNDS.maxAgeMs);
      expect(store.extent().oldest).toBe(5);
      store.trim(BOUNDS, 5 + BOUNDS.maxAgeMs + 1);
      expect(store.extent().oldest).toBe(6);
      store.trim({ ...BOUNDS, maxBytes: 1 }, 1_000_000);
      expect(store.extent()).toMatchObject({ oldest: 6, head: 6 });
    }));

  test("a key is remembered until it expires", () =>
    withStore((store) => {
      expect(store.remember("k", 10, 0)).toBe(true);
      expect(store.remember("k", 20, 9)).toBe(false);
      expect(store.remember("k", 20, 10)).toBe(true);
      expect(store.remember("other", 20, 10)).toBe(true);
    }));

  test("position, filters, facts and tasks are kept", () =>
    withStore((store) => {
      expect([store.readPosition(), store.readFilter("c"), store.readFact("f")]).toEqual([
        null,
        null,
        null,
      ]);
      store.writePosition({ epoch: "01:A", seq: 7 });
      store.writeFilter("c", ["a", "b"]);
      store.writeFilter("gone", ["a"]);
      store.writeFact("f", "1");
      store.writeFact("f", "2");
      store.retainFilters(new Set(["c"]));
      expect(store.readPosition()).toEqual({ epoch: "01:A", seq: 7 });
      expect([store.readFilter("c"), store.readFilter("gone")]).toEqual([["a", "b"], null]);
      expect(store.readFact("f")).toBe("2");
      store.writeFilter("c", null);
      expect(store.readFilter("c")).toBeNull();
    }));

  test("tasks come due in order of time", () =>
    withStore((store) => {
      expect(store.nextTaskAt()).toBeNull();
      store.writeTask("late", 30);
      store.writeTask("early", 10);
      store.writeTask("moved", 5);
      store.writeTask("moved", 20);
      expect(store.nextTaskAt()).toBe(10);
      expect(store.dueTasks(20)).toEqual(["early", "moved"]);
      store.writeTask("early", null);
      expect([store.nextTaskAt(), store.readTask("early"), store.readTask("late")]).toEqual([
        20,
        null,
        30,
      ]);
    }));

  test("HUB-2 a transaction that throws leaves nothing behind", () =>
    withStore((store) => {
      store.append(entryFor(1));
      expect(() =>
        store.transaction(() => {
          store.append(entryFor(2));
          store.remember("k", 10, 0);
          store.writeFact("f", "1");
          store.writeTask("t", 1);
          throw new Error("undo");
        }),
      ).toThrow("undo");
      expect(store.extent()).toMatchObject({ head: 1, oldest: 1 });
      expect(store.readAfter(0, 10)).toHaveLength(1);
      expect([store.readFact("f"), store.readTask("t")]).toEqual([null, null]);
      expect(store.remember("k", 10, 0)).toBe(true);
      store.append(entryFor(2));
      expect(store.extent().head).toBe(2);
    }));
}
