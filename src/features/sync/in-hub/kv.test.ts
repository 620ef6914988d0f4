import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SYNC_JOURNAL_MAX_EVENTS,
  SYNC_KV_BATCH_MAX,
  SYNC_KV_KEY_MAX_LENGTH,
  SYNC_KV_UPDATE_MAX_BYTES,
  SYNC_KV_VALUE_MAX_LENGTH,
  SYNC_LIST_MAX_LENGTH,
  SYNC_UPDATE_MAX_BYTES,
} from "../../../protocol/limits.ts";
import { SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import type { KvMutation } from "../records.ts";

const change = (at: VirtualAccount, ...mutations: KvMutation[]) =>
  at.run(SYNC_COMMANDS.kvChange, { mutations });
const create = (key: string, value = "YQ=="): KvMutation => ({ key, value, version: -1 });
const keysOf = (rows: readonly { readonly key: string }[]): string[] => rows.map(({ key }) => key);

/** All keys with a prefix, in parts. */
async function keysIn(at: VirtualAccount, prefix: string, limit = 1_000): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | null = null; ;) {
    const { rows, hasMore } = await at.run(SYNC_COMMANDS.kvList, { prefix, after, limit });
    keys.push(...keysOf(rows));
    after = keys.at(-1) ?? null;
    if (!hasMore) return keys;
  }
}

/** Short texts, with what SQL and Unicode find special. */
const Key = fc
  .string({
    unit: fc.constantFrom(
      "a",
      "b",
      "%",
      "_",
      "\\",
      "'",
      ":",
      "/",
      "\0",
      "é",
      "\uE000",
      "\uFFFF",
      "😀",
    ),
    minLength: 1,
    maxLength: 5,
  })
  .filter((key) => key.isWellFormed());

type Known = { value: string | null; version: number };

/** The rules of versions (sync.md §3.11, §0b.19), as a model. */
class Model {
  readonly keys = new Map<string, Known>();

  /** What a batch has to come to. Applies it. */
  apply(mutations: readonly KvMutation[]) {
    const errors = mutations.flatMap(({ key, value, version }) => {
      const { value: present, version: current } = this.keys.get(key) ?? {
        value: null,
        version: -1,
      };
      const mayCreate = version === -1 && present === null && value !== null;
      const isCurrent = version !== -1 && version === current;
      if (mayCreate || isCurrent) return [];
      return [{ key, error: "version-mismatch", version: current, value: present }];
    });
    if (errors.length > 0) return { result: "version-mismatch", errors };
    const results = mutations.map(({ key, value }) => {
      const version = Math.max(this.keys.get(key)?.version ?? 0, 0) + 1;
      this.keys.set(key, { value, version });
      return { key, version };
    });
    return { result: "success", results };
  }

  get entries() {
    return [...this.keys]
      .flatMap(([key, { value, version }]) => (value === null ? [] : [{ key, value, version }]))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }
}

describe("sync.md §3.11 KV", () => {
  it("keeps each version once, and changes a batch together or not at all", async () => {
    const keys = ["a", "b", "a:b", "😀"];
    /** A key with the version that some key has, or one that none has. */
    const One = fc.record({
      key: fc.constantFrom(...keys),
      value: fc.option(fc.constantFrom("", "YQ==", "Yg=="), { nil: null }),
      version: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...keys) },
        { weight: 2, arbitrary: fc.constant(-1) },
        { weight: 1, arbitrary: fc.nat(4) },
      ),
    });
    const Batch = fc.uniqueArray(One, { selector: ({ key }) => key, minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(Batch, { maxLength: 30, size: "max" }), async (batches) => {
        const at = new VirtualAccount();
        const phone = await SyncClient.connect(at);
        const model = new Model();
        const told: unknown[] = [];
        for (const batch of batches) {
          const mutations = batch.map(({ version, ...rest }) => ({
            ...rest,
            version:
              typeof version === "number" ? version : (model.keys.get(version)?.version ?? -1),
          }));
          const expected = model.apply(mutations);
          expect(await change(at, ...mutations)).toEqual(expected);
          if (expected.result === "success") {
            const changes = mutations.map(({ key }) => ({ key, ...model.keys.get(key) }));
            told.push({ t: "kv-batch-update", changes });
          }
        }
        const all = await at.run(SYNC_COMMANDS.kvList, { prefix: "", after: null, limit: 100 });
        expect(all).toEqual({ rows: model.entries, hasMore: false });
        const asked = await at.run(SYNC_COMMANDS.kvEntries, { keys: [...keys, "no", "a"] });
        expect(asked.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(model.entries);
        expect(phone.updates).toEqual(told);
      }),
      { numRuns: 60 },
    );
  });

  it("loses no change of 50 writers, however they interleave", async () => {
    const WRITERS = 50;
    const KEYS = ["a", "b"];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(WRITERS - 1), { minLength: 50, maxLength: 200, size: "max" }),
        fc.nat(40),
        async (turns, sleepsEvery) => {
          const at = new VirtualAccount();
          /** What each writer knows of both keys. Everybody begins with none. */
          const known = Array.from({ length: WRITERS }, () =>
            KEYS.map((key) => ({ key, value: "", version: -1 })),
          );
          let written = 0;
          /** One try of a writer, with what it knows: it adds three characters to both keys. */
          const write = async (i: number): Promise<boolean> => {
            const mutations = known[i]?.map(({ key, value, version }) => ({
              key,
              value: `${value}${btoa(String(i).padStart(3, "0"))}`,
              version,
            }));
            const answer = await change(at, ...(mutations ?? []));
            if (answer.result === "success") {
              written += 1;
              known[i] = (mutations ?? []).map((one, n) => ({ ...one, ...answer.results[n] }));
              return true;
            }
            known[i] = answer.errors.map(({ key, value, version }) => ({
              key,
              value: value ?? "",
              version,
            }));
            return false;
          };
          let done = 0;
          for (const i of turns) {
            await write(i);
            done += 1;
            if (sleepsEvery > 0 && done % sleepsEvery === 0) await at.sleep();
          }
          // Whoever has not written yet tries until it has: with what it was told, the next try is good.
          for (let i = 0; i < WRITERS; i += 1)
            if (!(await write(i))) expect(await write(i)).toBe(true);
          for (const entry of await at.run(SYNC_COMMANDS.kvEntries, { keys: KEYS })) {
            expect(entry.version).toBe(written);
            expect(entry.value).toHaveLength(written * 4);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it("lists the keys of a prefix, whatever is in it, by UTF-16 units", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(Key, { maxLength: 30 }),
        fc.oneof(Key, fc.constant("")),
        fc.integer({ min: 1, max: 40 }),
        async (keys, prefix, limit) => {
          const at = new VirtualAccount();
          if (keys.length > 0) await change(at, ...keys.map((key) => create(key)));
          // Strings of JavaScript are compared by their units.
          const expected = keys.filter((key) => key.startsWith(prefix)).toSorted();
          const first = await at.run(SYNC_COMMANDS.kvList, { prefix, after: null, limit });
          expect(keysOf(first.rows)).toEqual(expected.slice(0, limit));
          expect(first.hasMore).toBe(false);
          const after = expected[0];
          if (after === undefined) return;
          const rest = await at.run(SYNC_COMMANDS.kvList, { prefix, after, limit });
          expect(keysOf(rest.rows)).toEqual(expected.slice(1, limit + 1));
        },
      ),
    );
  });

  it("has another order beyond U+FFFF than UTF-8", async () => {
    const at = new VirtualAccount();
    const keys = ["\uFFFD", "😀", "z"];
    await change(at, ...keys.map((key) => create(key)));
    expect(await keysIn(at, "")).toEqual(["z", "😀", "\uFFFD"]);
    const { sql } = at.hub.storage;
    const byBytes = sql.exec<{ key: string }>("SELECT key FROM sync_kv ORDER BY key").toArray();
    expect(keysOf(byBytes)).toEqual(["z", "\uFFFD", "😀"]);
  });

  it("reads a prefix of any length, and not one row beside it", async () => {
    const at = new VirtualAccount();
    const long = "é".repeat(SYNC_KV_KEY_MAX_LENGTH - 1);
    const keys = [`${long}a`, `${long}b`, `${long.slice(1)}a`];
    await change(at, ...keys.map((key) => create(key)));
    expect(await keysIn(at, long)).toEqual(keys.slice(0, 2));
    const plan = at.hub.storage.sql
      .exec<{ detail: string }>(
        `EXPLAIN QUERY PLAN SELECT key FROM sync_kv
         WHERE sortKey >= 'a' AND sortKey < 'b' AND sortKey > '' ORDER BY sortKey LIMIT 9`,
      )
      .toArray();
    expect(plan.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/^SEARCH sync_kv USING PRIMARY KEY \(sortKey>\? AND sortKey<\?\)/),
    ]);
  });

  it("gives a list in parts that fit into an answer", async () => {
    const at = new VirtualAccount();
    const value = "A".repeat(SYNC_KV_VALUE_MAX_LENGTH);
    const keys = Array.from({ length: 150 }, (_, i) => `key ${String(i).padStart(3, "0")}`);
    for (const some of [keys.slice(0, 100), keys.slice(100)]) {
      await change(at, ...some.map((key) => create(key, value)));
    }
    const all = { prefix: "", after: null, limit: 1_000 };
    const { rows, hasMore } = await at.run(SYNC_COMMANDS.kvList, all);
    expect(hasMore).toBe(true);
    const length = rows.reduce((sum, row) => sum + row.key.length + row.value.length, 0);
    expect(length).toBeLessThanOrEqual(SYNC_LIST_MAX_LENGTH);
    expect(length).toBeGreaterThan(SYNC_LIST_MAX_LENGTH / 2);
    expect(await keysIn(at, "")).toEqual(keys);
  });

  it("tells of the largest batch in updates that fit, in the order of the batch", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    const value = "A".repeat(SYNC_KV_VALUE_MAX_LENGTH);
    const key = (i: number) => `${i}:`.padEnd(SYNC_KV_KEY_MAX_LENGTH, "\u0001");
    const mutations = Array.from({ length: SYNC_KV_BATCH_MAX }, (_, i) => create(key(i), value));
    expect(await change(at, ...mutations)).toMatchObject({ result: "success" });
    const { store } = at.hub.impl.host;
    const bodies = store.readAfter(0, SYNC_JOURNAL_MAX_EVENTS).map(({ payload }) => payload);
    expect(bodies.length).toBeGreaterThan(1);
    for (const body of bodies) {
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(SYNC_UPDATE_MAX_BYTES);
    }
    const [first = ""] = bodies;
    expect(Buffer.byteLength(first)).toBeGreaterThan(SYNC_KV_UPDATE_MAX_BYTES - 2 * value.length);
    const changes = bodies.flatMap(
      (body) => (JSON.parse(body) as { readonly changes: { readonly key: string }[] }).changes,
    );
    expect(keysOf(changes)).toEqual(keysOf(mutations));
    expect(phone.updates.length).toBeGreaterThan(0);
  });

  it("tells only clients of the whole account", async () => {
    const at = new VirtualAccount();
    const session = await SyncClient.connect(at, {
      clientType: "session-scoped",
      sessionId: await at.session(),
    });
    const machine = await SyncClient.connect(at, {
      clientType: "machine-scoped",
      machineId: await at.machine("m1"),
    });
    const phones = [
      await SyncClient.connect(at),
      await SyncClient.connect(at, {}, { dialect: "Socket.IO" }),
    ];
    for (const one of [session, machine, ...phones]) one.forget();
    await change(at, create("a"));
    await change(at, { key: "a", value: null, version: 1 });
    for (const phone of phones) {
      expect(phone.updates).toEqual([
        { t: "kv-batch-update", changes: [{ key: "a", value: "YQ==", version: 1 }] },
        { t: "kv-batch-update", changes: [{ key: "a", value: null, version: 2 }] },
      ]);
    }
    expect([session.names, machine.names]).toEqual([[], []]);
  });
});
