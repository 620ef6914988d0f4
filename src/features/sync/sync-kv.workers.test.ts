import { applyD1Migrations, env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  SYNC_KV_BATCH_MAX,
  SYNC_KV_KEY_MAX_LENGTH,
  SYNC_KV_PAGE_DEFAULT,
  SYNC_KV_PAGE_MAX,
  SYNC_KV_VALUE_MAX_LENGTH,
} from "../../protocol/limits.ts";
import { refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { KvEntry } from "./records.ts";

const Items = z.strictObject({ items: z.array(z.strictObject(KvEntry.shape)) });

const missing = refused(404, "Key not found");
const conflict = (key: string, version: number, value: string | null) => ({
  key,
  error: "version-mismatch",
  version,
  value,
});
const create = (key: string, value = "YQ==") => ({ key, value, version: -1 });

/** Sends a batch. @returns status and body of the answer */
const change = (account: SyncAccount, ...mutations: readonly object[]) =>
  account.ask("POST", "/v1/kv", { mutations });
const read = (account: SyncAccount, key: string) =>
  account.ask("GET", `/v1/kv/${encodeURIComponent(key)}`);
const keysOf = async (account: SyncAccount, query: string): Promise<string[]> => {
  const { items } = await account.get(Items, "GET", `/v1/kv?${query}`);
  return items.map(({ key }) => key);
};

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

describe("POST /v1/kv (sync.md §3.11)", () => {
  it("creates, changes and deletes keys, and tells it once for a batch", async () => {
    const account = await SyncAccount.create();
    const phone = await account.connect();
    expect(await change(account, create("a"), create("b", ""))).toEqual([
      200,
      {
        success: true,
        results: [
          { key: "a", version: 1 },
          { key: "b", version: 1 },
        ],
      },
    ]);
    expect(await read(account, "b")).toEqual([200, { key: "b", value: "", version: 1 }]);
    const second = await change(
      account,
      { key: "b", value: null, version: 1 },
      { key: "a", value: "Yg==", version: 1 },
    );
    expect(second[0]).toBe(200);
    expect(await read(account, "a")).toEqual([200, { key: "a", value: "Yg==", version: 2 }]);
    expect(await read(account, "b")).toEqual(missing);
    // It is there again, from its last version on.
    expect(await change(account, create("b"))).toEqual([
      200,
      { success: true, results: [{ key: "b", version: 3 }] },
    ]);
    expect((await phone.caughtUp()).updates.map(({ seq, body }) => [seq, body])).toEqual([
      [
        1,
        {
          t: "kv-batch-update",
          changes: [
            { key: "a", value: "YQ==", version: 1 },
            { key: "b", value: "", version: 1 },
          ],
        },
      ],
      [
        2,
        {
          t: "kv-batch-update",
          changes: [
            { key: "b", value: null, version: 2 },
            { key: "a", value: "Yg==", version: 2 },
          ],
        },
      ],
      [3, { t: "kv-batch-update", changes: [{ key: "b", value: "YQ==", version: 3 }] }],
    ]);
    phone.close();
  });

  it("does nothing if one key has another version, and says all of those", async () => {
    const account = await SyncAccount.create();
    await change(account, create("a"), create("gone"), create("other"));
    await change(account, { key: "gone", value: null, version: 1 });
    await change(account, { key: "other", value: "Yg==", version: 1 });
    const phone = await account.connect();
    const answer = await change(
      account,
      create("new"),
      create("a"),
      // The version of another key.
      { key: "a2", value: "YQ==", version: 1 },
      { key: "other", value: "YQ==", version: 1 },
      { key: "gone", value: "YQ==", version: 1 },
      { key: "never", value: null, version: -1 },
      { key: "unborn", value: null, version: 0 },
    );
    expect(answer).toEqual([
      409,
      {
        success: false,
        errors: [
          conflict("a", 1, "YQ=="),
          conflict("a2", -1, null),
          conflict("other", 2, "Yg=="),
          conflict("gone", 2, null),
          conflict("never", -1, null),
          conflict("unborn", -1, null),
        ],
      },
    ]);
    expect(await read(account, "new")).toEqual(missing);
    // Nobody deletes what is deleted; but its version is good for a new value.
    expect(await change(account, { key: "gone", value: null, version: -1 })).toEqual([
      409,
      { success: false, errors: [conflict("gone", 2, null)] },
    ]);
    expect((await phone.caughtUp()).updates).toEqual([]);
    expect(await change(account, { key: "gone", value: "YQ==", version: 2 })).toEqual([
      200,
      { success: true, results: [{ key: "gone", version: 3 }] },
    ]);
    phone.close();
  });

  it("has a limit for a batch, its keys and its values, and no key twice", async () => {
    const account = await SyncAccount.create();
    const key = "k".repeat(SYNC_KV_KEY_MAX_LENGTH);
    const value = "A".repeat(SYNC_KV_VALUE_MAX_LENGTH);
    const many = (count: number) => Array.from({ length: count }, (_, i) => create(`key ${i}`));
    const cases: readonly (readonly object[])[] = [
      [],
      many(SYNC_KV_BATCH_MAX + 1),
      [create("twice"), { key: "twice", value: null, version: 1 }],
      [create("")],
      [create(`${key}k`)],
      // Two units of UTF-16, and one character.
      [create(`${key.slice(1)}😀`)],
      [create("half \uD83D")],
      [create("a", `${value}AAAA`)],
      [create("a", "YQ")],
      [create("a", "YQ=\n")],
      [create("a", "-_-_")],
      [{ key: "a", version: -1 }],
      [{ key: "a", value: 1, version: -1 }],
      [{ key: "a", value: "YQ==" }],
      [{ key: "a", value: "YQ==", version: -2 }],
      [{ key: "a", value: "YQ==", version: 1.5 }],
      [{ key: "a", value: "YQ==", version: "1" }],
      [{ key: 1, value: "YQ==", version: -1 }],
      [create("good"), create("a", "bad")],
    ];
    for (const mutations of cases) {
      expect(await change(account, ...mutations), JSON.stringify(mutations).slice(0, 90)).toEqual(
        refused(400),
      );
    }
    for (const body of [{}, { mutations: {} }, { mutations: null }, { mutations: [null] }]) {
      expect(await account.ask("POST", "/v1/kv", body)).toEqual(refused(400));
    }
    expect(await keysOf(account, "")).toEqual([]);
    expect((await change(account, ...many(SYNC_KV_BATCH_MAX)))[0]).toBe(200);
    expect((await change(account, create(key, value)))[0]).toBe(200);
    expect(await read(account, key)).toEqual([200, { key, value, version: 1 }]);
  });

  it("lets one of 50 writers win at a time, and each in the end", async () => {
    const account = await SyncAccount.create();
    let version = -1;
    for (let waiting = 50; waiting > 0; waiting -= 1) {
      const answers = await Promise.all(
        Array.from({ length: waiting }, () =>
          change(account, { key: "a", value: "YQ==", version }),
        ),
      );
      version = version === -1 ? 1 : version + 1;
      expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
      const lost = answers.filter(([status]) => status === 409);
      expect(lost).toHaveLength(waiting - 1);
      for (const [, body] of lost) {
        expect(body).toEqual({ success: false, errors: [conflict("a", version, "YQ==")] });
      }
    }
    expect(version).toBe(50);
  });
});

describe("reading KV (sync.md §3.11)", () => {
  it("finds a key whatever is in it, encoded or not", async () => {
    const account = await SyncAccount.create();
    const keys = [
      "a:b",
      "a/b",
      "a%2Fb",
      "%",
      "a b",
      "ü😀\uFFFD",
      "?#&=",
      "a\u0000b",
      "bulk",
      "__proto__",
    ];
    await change(account, ...keys.map((key) => create(key)));
    for (const key of keys) {
      expect(await read(account, key)).toEqual([200, { key, value: "YQ==", version: 1 }]);
    }
    expect(await account.ask("GET", "/v1/kv/a:b")).toMatchObject([200, { key: "a:b" }]);
    expect(await read(account, "a")).toEqual(missing);
    expect(await read(account, "A:B")).toEqual(missing);
    expect(await read(account, "k".repeat(SYNC_KV_KEY_MAX_LENGTH + 1))).toEqual(refused(400));
    // Addresses have no such part: it goes up to what is above.
    await change(account, create(".."));
    expect((await read(account, ".."))[0]).toBe(404);
    expect(await account.ask("POST", "/v1/kv/bulk", { keys: [".."] })).toMatchObject([
      200,
      { values: [{ key: ".." }] },
    ]);
  });

  it("gives several keys, those that have a value, each once", async () => {
    const account = await SyncAccount.create();
    await change(account, create("a"), create("b"), create("gone"));
    await change(account, { key: "gone", value: null, version: 1 });
    const bulk = (keys: unknown) => account.ask("POST", "/v1/kv/bulk", { keys });
    expect(await bulk(["b", "gone", "never", "a", "b"])).toEqual([
      200,
      {
        values: [
          { key: "b", value: "YQ==", version: 1 },
          { key: "a", value: "YQ==", version: 1 },
        ],
      },
    ]);
    const keys = Array.from({ length: SYNC_KV_BATCH_MAX + 1 }, (_, i) => `key ${i}`);
    expect(await bulk(keys.slice(1))).toEqual([200, { values: [] }]);
    for (const wrong of [
      keys,
      [],
      [""],
      ["k".repeat(SYNC_KV_KEY_MAX_LENGTH + 1)],
      [1],
      "a",
      null,
    ]) {
      expect(await bulk(wrong)).toEqual(refused(400));
    }
  });

  it("lists what begins with a prefix, in order, without what was deleted", async () => {
    const account = await SyncAccount.create();
    const fifty = "é".repeat(25);
    const keys = [
      "a%c",
      "a_c",
      "abc",
      "A_c",
      "a",
      `${fifty}1`,
      `${fifty}2`,
      "😀",
      "\uFFFD",
      "gone",
    ];
    await change(account, ...keys.map((key) => create(key)));
    await change(account, { key: "gone", value: null, version: 1 });
    const listed = (prefix: string) => keysOf(account, `prefix=${encodeURIComponent(prefix)}`);
    expect(await listed("a%")).toEqual(["a%c"]);
    expect(await listed("a_")).toEqual(["a_c"]);
    expect(await listed("a")).toEqual(["a", "a%c", "a_c", "abc"]);
    expect(await listed("%")).toEqual([]);
    expect(await listed("_")).toEqual([]);
    // 51 bytes, which SQLite's LIKE refuses at Cloudflare.
    expect(await listed(`${fifty}1`)).toEqual([`${fifty}1`]);
    expect(await listed("g")).toEqual([]);
    expect(await listed("")).toEqual(keys.filter((key) => key !== "gone").toSorted());
    expect((await listed("")).slice(-2)).toEqual(["😀", "\uFFFD"]);
    expect(await listed("k".repeat(SYNC_KV_KEY_MAX_LENGTH))).toEqual([]);
    for (const query of [
      `prefix=${"k".repeat(SYNC_KV_KEY_MAX_LENGTH + 1)}`,
      "limit=0",
      "limit=x",
    ]) {
      expect(await account.ask("GET", `/v1/kv?${query}`)).toEqual(refused(400));
    }
  });

  it("lists 100 keys unless a number is asked for, and at most 1,000", async () => {
    const account = await SyncAccount.create();
    const keys = Array.from({ length: SYNC_KV_PAGE_MAX + 1 }, (_, i) => `key ${10_000 + i}`);
    for (let at = 0; at < keys.length; at += SYNC_KV_BATCH_MAX) {
      await change(account, ...keys.slice(at, at + SYNC_KV_BATCH_MAX).map((key) => create(key)));
    }
    expect(await keysOf(account, "")).toEqual(keys.slice(0, SYNC_KV_PAGE_DEFAULT));
    expect(await keysOf(account, "limit=1")).toEqual(keys.slice(0, 1));
    expect(await keysOf(account, `limit=${SYNC_KV_PAGE_MAX}`)).toEqual(
      keys.slice(0, SYNC_KV_PAGE_MAX),
    );
    expect(await account.ask("GET", `/v1/kv?limit=${SYNC_KV_PAGE_MAX + 1}`)).toEqual(refused(400));
  });

  it("lists also what one answer of the hub does not hold", async () => {
    const account = await SyncAccount.create();
    const value = "A".repeat(SYNC_KV_VALUE_MAX_LENGTH);
    const keys = Array.from({ length: 300 }, (_, i) => `key ${1_000 + i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await change(account, ...keys.slice(at, at + 50).map((key) => create(key, value)));
    }
    const answer = await account.call("GET", "/v1/kv?limit=299");
    expect(answer.headers.get("Content-Type")).toBe("application/json");
    expect(answer.headers.get("Cache-Control")).toBe(
      (await account.call("GET", "/v1/kv?limit=1")).headers.get("Cache-Control"),
    );
    const { items } = Items.parse(await answer.json());
    expect(items.map(({ key }) => key)).toEqual(keys.slice(0, 299));
    expect(items.every((item) => item.value === value)).toBe(true);
  });
});
