import { expect, test } from "vitest";
import { entryBytes, type Entry, type HubStore } from "../hub/core/journal.ts";

const BOUNDS = { maxAgeMs: 1_000, maxEvents: 5, maxBytes: 1_000_000 };

/** An entry for tests. `extra` replaces members. */
export function entryFor(seq: number, extra: Partial<Entry> = {}): Entry {
  return {
    seq,
    id: `id-${seq}`,
    event: "test.happened",
    payload: `{"n":${seq}}`,
    ts: seq,
    at: 0,
    audience: null,
    except: null,
    topic: null,
    trace: null,
    ...extra,
  };
}

/**
 * Tests of a {@link HubStore}. They run with SQLite in Node, and with that of a Durable Object.
 * @param withStore runs a test with an empty store
 */
export function storeSuite(withStore: (use: (store: HubStore) => void) => Promise<void>): void {
  test("an empty journal has no oldest entry: the next entry will be the oldest", () =>
    withStore((store) => {
      const { epoch, head, oldest } = store.extent();
      expect({ head, oldest }).toEqual({ head: 0, oldest: 1 });
      expect(epoch).not.toBe("");
      expect(store.readAfter(0, 10)).toEqual([]);
    }));

  test("entries are read as they were appended, in both directions, in pages", () =>
    withStore((store) => {
      const entries = [
        entryFor(1, { audience: ["sub:ä", "scope:x y"], topic: "c1" }),
        entryFor(2, { audience: [], except: "connection-1" }),
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

  test("several keys are remembered at once, unless one of them is known", () =>
    withStore((store) => {
      expect(store.rememberAll([], 10, 0)).toBe(true);
      expect(store.rememberAll(["a", "b"], 10, 0)).toBe(true);
      expect(store.rememberAll(["c", "b"], 20, 9)).toBe(false);
      expect(store.rememberAll(["a", "b"], 20, 10)).toBe(true);
      expect(store.remember("a", 30, 19)).toBe(false);
    }));

  test("entries of a transaction are read in it, and those before an inner one survive its rollback", () =>
    withStore((store) => {
      const entries = Array.from({ length: 25 }, (_, at) =>
        entryFor(at + 1, { audience: at % 2 === 0 ? null : ["sub:a"] }),
      );
      store.transaction(() => {
        for (const entry of entries) store.append(entry);
        expect(() =>
          store.transaction(() => {
            store.append(entryFor(26, { id: "undone" }));
            throw new Error("undo");
          }),
        ).toThrow("undo");
        expect(store.readBefore(100, 1)).toEqual([entries.at(-1)]);
        store.append(entryFor(26));
        expect(store.readAfter(0, 100)).toEqual([...entries, entryFor(26)]);
        store.append(entryFor(27));
        store.trim({ ...BOUNDS, maxEvents: 2 }, 0);
      });
      expect(store.readAfter(0, 100)).toEqual([entryFor(26), entryFor(27)]);
      expect(store.extent()).toMatchObject({ oldest: 26, head: 27 });
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
      store.writePosition(null);
      expect(store.readPosition()).toBeNull();
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

  test("HUB-2 a transaction that throws leaves nothing in journal, keys, facts and tasks", () =>
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

  test("an entry keeps its trace and its time, and a page is bounded in bytes, but never empty", () =>
    withStore((store) => {
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      store.append(entryFor(1, { trace, ts: 5, at: 9, payload: "x".repeat(10) }));
      store.append(entryFor(2, { payload: "x".repeat(10) }));
      store.append(entryFor(3, { payload: "x".repeat(10) }));
      expect(store.readAfter(0, 1)[0]).toMatchObject({ trace, ts: 5, at: 9 });
      const pageOf = (after: number, maxBytes: number): number[] =>
        store.readAfter(after, 10, maxBytes).map(({ seq }) => seq);
      expect(pageOf(0, 20)).toEqual([1, 2]);
      expect(pageOf(0, 19)).toEqual([1]);
      expect(pageOf(0, 1)).toEqual([1]);
      expect(pageOf(1, 1_000)).toEqual([2, 3]);
      expect(pageOf(3, 1_000)).toEqual([]);
      expect(pageOf(9, 1_000)).toEqual([]);
    }));

  test("pages follow a trimmed journal from its oldest entry, in both directions", () =>
    withStore((store) => {
      for (let seq = 1; seq <= 8; seq += 1) store.append(entryFor(seq));
      store.trim(BOUNDS, 0);
      expect(store.readAfter(0, 2).map(({ seq }) => seq)).toEqual([4, 5]);
      expect(store.readAfter(5, 2).map(({ seq }) => seq)).toEqual([6, 7]);
      expect(store.readBefore(100, 10).map(({ seq }) => seq)).toEqual([8, 7, 6, 5, 4]);
      expect(store.readBefore(4, 10)).toEqual([]);
    }));

  test("HUB-3 reports the size of the journal: empty, after appends, after trimming", () =>
    withStore((store) => {
      expect(store.usage()).toEqual({ events: 0, bytes: 0, oldestAt: null });
      for (let seq = 1; seq <= 6; seq += 1) {
        store.append(entryFor(seq, { at: seq * 10, audience: ["sub:a"] }));
      }
      const size = entryBytes(entryFor(1, { audience: ["sub:a"] }));
      expect(store.usage()).toEqual({ events: 6, bytes: 6 * size, oldestAt: 10 });
      store.trim(BOUNDS, 10);
      expect(store.usage()).toEqual({ events: 5, bytes: 5 * size, oldestAt: 20 });
    }));

  test("HUB-16 a journal of another epoch starts empty, and continues from any first entry", () =>
    withStore((store) => {
      store.append(entryFor(1));
      store.writeFact("f", "1");
      store.adopt("another");
      expect(store.extent()).toEqual({ epoch: "another", head: 0, oldest: 1 });
      expect(store.usage()).toMatchObject({ events: 0, bytes: 0 });
      expect(store.readAfter(0, 10)).toEqual([]);
      expect(store.readFact("f")).toBe("1");
      store.append(entryFor(700, { at: 3 }));
      store.append(entryFor(701, { at: 4 }));
      expect(store.extent()).toEqual({ epoch: "another", head: 701, oldest: 700 });
      expect(store.readAfter(0, 10).map(({ seq }) => seq)).toEqual([700, 701]);
      expect(store.usage()).toMatchObject({ events: 2, oldestAt: 3 });
    }));

  test("HUB-16 relays are kept by index, in order, until they are deleted", () =>
    withStore((store) => {
      expect(store.readRelays()).toEqual([]);
      store.writeRelay({ index: 2, state: "open", sockets: 5, users: 4 });
      store.writeRelay({ index: 0, state: "open", sockets: 1, users: 1 });
      store.writeRelay({ index: 2, state: "draining", sockets: 3, users: 2 });
      expect(store.readRelays()).toEqual([
        { index: 0, state: "open", sockets: 1, users: 1 },
        { index: 2, state: "draining", sockets: 3, users: 2 },
      ]);
      store.deleteRelay(0);
      store.deleteRelay(7);
      expect(store.readRelays().map(({ index }) => index)).toEqual([2]);
    }));

  test("HUB-14 revocations are read in order of their revision, until they expire", () =>
    withStore((store) => {
      const [alice, bob, one] = [{ sub: "alice" }, { sub: "bob" }, { connectionId: "alice" }];
      expect(store.readRevokedAt("alice", 0)).toBeNull();
      store.writeRevocation({ revision: 1, target: alice, at: 10, expiresAt: 110 });
      store.writeRevocation({ revision: 2, target: one, at: 20, expiresAt: 120 });
      store.writeRevocation({ revision: 3, target: bob, at: 30, expiresAt: 130 });
      expect(store.readRevocations(0, 50)).toEqual([
        { revision: 1, target: alice, at: 10, expiresAt: 110 },
        { revision: 2, target: one, at: 20, expiresAt: 120 },
        { revision: 3, target: bob, at: 30, expiresAt: 130 },
      ]);
      expect(store.readRevocations(2, 50).map(({ revision }) => revision)).toEqual([3]);
      expect(store.readRevocations(0, 120).map(({ revision }) => revision)).toEqual([3]);
      expect([109, 110].map((now) => store.readRevokedAt("alice", now))).toEqual([10, null]);
      expect(store.readRevokedAt("carol", 50)).toBeNull();
      store.writeRevocation({ revision: 4, target: alice, at: 40, expiresAt: 140 });
      expect(store.readRevokedAt("alice", 50)).toBe(40);
      expect(store.readRevocations(0, 50).map(({ revision }) => revision)).toEqual([2, 3, 4]);
      // The next revocation deletes expired ones.
      store.writeRevocation({ revision: 5, target: one, at: 135, expiresAt: 235 });
      expect(store.readRevocations(0, 0).map(({ revision }) => revision)).toEqual([4, 5]);
    }));

  test("counters add up, each one separately", () =>
    withStore((store) => {
      store.count("suite:a", 1);
      store.count("suite:a", 4);
      store.count("suite:b", 2);
      expect(store.readCounters()).toMatchObject({ "suite:a": 5, "suite:b": 2 });
    }));

  test("HUB-2 a transaction that throws also leaves nothing in relays, revocations, filters and counters", () =>
    withStore((store) => {
      store.writeRelay({ index: 0, state: "open", sockets: 1, users: 1 });
      store.writeFilter("c", ["a"]);
      store.writePosition({ epoch: "e", seq: 1 });
      expect(() =>
        store.transaction(() => {
          store.writeRelay({ index: 0, state: "draining", sockets: 0, users: 0 });
          store.writeRevocation({ revision: 1, target: { sub: "a" }, at: 1, expiresAt: 99 });
          store.writeFilter("c", null);
          store.writePosition({ epoch: "e", seq: 2 });
          store.count("suite:undone", 1);
          throw new Error("undo");
        }),
      ).toThrow("undo");
      expect(store.readRelays()).toMatchObject([{ state: "open" }]);
      expect(store.readRevokedAt("a", 5)).toBeNull();
      expect(store.readFilter("c")).toEqual(["a"]);
      expect(store.readPosition()).toEqual({ epoch: "e", seq: 1 });
      expect(store.readCounters()).not.toHaveProperty("suite:undone");
    }));

  test("HUB-2 a transaction returns the result of its work, and stores the changes", () =>
    withStore((store) => {
      const result = store.transaction(() => {
        store.append(entryFor(1));
        return "done";
      });
      expect(result).toBe("done");
      expect(store.extent().head).toBe(1);
    }));

  test("the next task is the earliest, also after one was moved, cancelled or undone", () =>
    withStore((store) => {
      const next = (key: string, at: number | null): number | null => {
        store.writeTask(key, at);
        return store.nextTaskAt();
      };
      expect(store.nextTaskAt()).toBeNull();
      expect([next("a", 5), next("b", 3), next("c", 4), next("b", null)]).toEqual([5, 3, 3, 4]);
      expect([next("c", 9), next("b", 6), next("a", 8), next("d", null)]).toEqual([5, 5, 6, 6]);
      for (const [key, at] of [
        ["d", 1],
        ["b", null],
      ] as const) {
        expect(() =>
          store.transaction(() => {
            store.writeTask(key, at);
            expect(store.nextTaskAt()).toBe(at ?? 8);
            throw new Error("undo");
          }),
        ).toThrow("undo");
        expect(store.nextTaskAt()).toBe(6);
      }
      for (const key of ["a", "b", "c"]) store.writeTask(key, null);
      expect(store.nextTaskAt()).toBeNull();
    }));

  test("of tasks that are due together, the one with the lower key comes first", () =>
    withStore((store) => {
      store.writeTask("b", 5);
      store.writeTask("a", 5);
      store.writeTask("later", 6);
      expect(store.dueTasks(5)).toEqual(["a", "b"]);
      expect(store.dueTasks(4)).toEqual([]);
    }));
}
