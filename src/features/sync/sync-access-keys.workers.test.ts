import { applyD1Migrations, env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { SYNC_STATE_MAX_BYTES, SYNC_STATE_MAX_LENGTH } from "../../protocol/limits.ts";
import { newMachine, newSession, refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { ACCESS_KEY_REFUSALS } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const nowhere = [404, { error: ACCESS_KEY_REFUSALS.nowhere }];
const key = (data: string, dataVersion: number) => ({
  data,
  dataVersion,
  createdAt: expect.any(Number) as number,
  updatedAt: expect.any(Number) as number,
});

async function furnished() {
  const account = await SyncAccount.create();
  const [session, machine] = [await newSession(account), await newMachine(account, { id: "m1" })];
  const path = `/v1/access-keys/${session.id}/${machine.id}`;
  return { account, session, machine, path };
}

describe("access keys (sync.md §3.6)", () => {
  it("are created once, read, and replaced by who knows their version", async () => {
    const { account, path } = await furnished();
    const none = [200, { accessKey: null }];
    expect(await account.ask("GET", path)).toEqual(none);
    const change = { data: "two", expectedVersion: 1 };
    const missing = [404, { error: ACCESS_KEY_REFUSALS.missing }];
    expect(await account.ask("PUT", path, change)).toEqual(missing);
    const created = [200, { success: true, accessKey: key("one", 1) }];
    expect(await account.ask("POST", path, { data: "one" })).toEqual(created);
    const exists = [409, { error: ACCESS_KEY_REFUSALS.exists }];
    expect(await account.ask("POST", path, { data: "other" })).toEqual(exists);
    expect(await account.ask("GET", path)).toEqual([200, { accessKey: key("one", 1) }]);
    expect(await account.ask("PUT", path, change)).toEqual([200, { success: true, version: 2 }]);
    const mismatch = { success: false, error: "version-mismatch" };
    const current = { currentVersion: 2, currentData: "two" };
    expect(await account.ask("PUT", path, change)).toEqual([200, { ...mismatch, ...current }]);
    expect(await account.ask("GET", path)).toEqual([200, { accessKey: key("two", 2) }]);
  });

  it("are each their own: the version of another one is a mismatch", async () => {
    const { account, session, path } = await furnished();
    await newMachine(account, { id: "m2" });
    const other = `/v1/access-keys/${session.id}/m2`;
    for (const one of [path, other]) await account.call("POST", one, { data: one });
    await account.call("PUT", other, { data: "new", expectedVersion: 1 });
    const change = { data: "new", expectedVersion: 2 };
    const [, said] = await account.ask("PUT", path, change);
    expect(said).toMatchObject({ success: false, currentVersion: 1, currentData: path });
    expect(await account.ask("GET", path)).toEqual([200, { accessKey: key(path, 1) }]);
  });

  it("need a session and a machine of the same account", async () => {
    const [owner, other] = [await furnished(), await furnished()];
    await owner.account.call("POST", owner.path, { data: "secret" });
    // The machines of both are called the same.
    for (const path of [
      owner.path,
      `/v1/access-keys/${other.session.id}/nobodys`,
      `/v1/access-keys/nobodys/${other.machine.id}`,
    ]) {
      expect(await other.account.ask("GET", path)).toEqual(nowhere);
      expect(await other.account.ask("POST", path, { data: "x" })).toEqual(nowhere);
      const change = { data: "x", expectedVersion: 1 };
      expect(await other.account.ask("PUT", path, change)).toEqual(nowhere);
    }
    const at = await other.account.connect();
    const place = { sessionId: owner.session.id, machineId: owner.machine.id };
    const answer = await at.ask("access-key-get", place);
    expect(answer).toEqual({ ok: false, error: ACCESS_KEY_REFUSALS.nowhere });
    at.close();
    const kept = await owner.account.ask("GET", owner.path);
    expect(kept).toEqual([200, { accessKey: key("secret", 1) }]);
  });

  it("go with their machine", async () => {
    const { account, path } = await furnished();
    await account.call("POST", path, { data: "one" });
    await account.call("DELETE", "/v1/machines/m1");
    expect(await account.ask("GET", path)).toEqual(nowhere);
    await newMachine(account, { id: "m1" });
    expect(await account.ask("GET", path)).toEqual([200, { accessKey: null }]);
  });

  it("are created by one of several who ask at the same time, and replaced by one", async () => {
    const { account, path } = await furnished();
    const writers = Array.from({ length: 50 }, (_, i) => String(i));
    const creates = writers.map((data) => account.ask("POST", path, { data }));
    const created = (await Promise.all(creates)).filter(([status]) => status === 200);
    expect(created).toHaveLength(1);
    const changes = writers.map((data) => account.ask("PUT", path, { data, expectedVersion: 1 }));
    const won = (await Promise.all(changes)).filter(([, said]) => "version" in (said as object));
    expect(won).toEqual([[200, { success: true, version: 2 }]]);
  });

  it.each([
    ["POST", { data: undefined }],
    ["POST", { data: 1 }],
    ["POST", { data: null }],
    ["POST", { data: "x".repeat(SYNC_STATE_MAX_LENGTH + 1) }],
    ["POST", { data: "é".repeat(SYNC_STATE_MAX_BYTES / 2) }],
    ["PUT", { data: "x".repeat(SYNC_STATE_MAX_LENGTH + 1), expectedVersion: 1 }],
    ["PUT", { data: "x" }],
    ["PUT", { data: "x", expectedVersion: -1 }],
    ["PUT", { data: "x", expectedVersion: "1" }],
  ])("are refused by %s of %j", async (method, body) => {
    const { account, path } = await furnished();
    if (method === "PUT") await account.call("POST", path, { data: "one" });
    const before = await account.ask("GET", path);
    expect(await account.ask(method, path, body)).toEqual(refused(400));
    expect(await account.ask("GET", path)).toEqual(before);
  });

  it("have data up to its limit, as it was sent", async () => {
    const { account, path } = await furnished();
    const data = "é".repeat(SYNC_STATE_MAX_BYTES / 2 - 1);
    expect(await account.ask("POST", path, { data })).toMatchObject([200, {}]);
    const next = ` ${"x".repeat(SYNC_STATE_MAX_LENGTH - 2)}\n`;
    await account.call("PUT", path, { data: next, expectedVersion: 1 });
    expect(await account.ask("GET", path)).toEqual([200, { accessKey: key(next, 2) }]);
    expect(await account.ask("GET", `${path}${"x".repeat(128)}`)).toEqual(refused(400));
  });
});
