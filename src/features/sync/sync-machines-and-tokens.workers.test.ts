import { applyD1Migrations, env, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_STATE_MAX_BYTES,
  SYNC_STATE_MAX_LENGTH,
  SYNC_TOKEN_MAX_LENGTH,
} from "../../protocol/limits.ts";
import {
  furnished,
  HAPPY,
  idOf,
  idsOf,
  Machines,
  newMachine,
  noMachine,
  OneMachine,
  type Owned,
  refused,
  success,
} from "../../testing/sync-records.ts";
import { openNative, SyncAccount } from "../../testing/sync-worker.ts";
import { SYNC_CLOSE_CODES } from "./dialects/native.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
});

describe("machines (sync.md §3.4)", () => {
  it("are registered once, inactive, with their first versions", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const machine = await newMachine(account, { id: "laptop-1", dataEncryptionKey: "YQ==" });
    expect(machine).toEqual({
      id: "laptop-1",
      accountId: await idOf(account),
      metadata: "m",
      metadataVersion: 1,
      daemonState: null,
      daemonStateVersion: 0,
      dataEncryptionKey: "YQ==",
      seq: 0,
      active: false,
      lastActiveAt: machine.createdAt,
      activeAt: machine.createdAt,
      createdAt: machine.createdAt,
      updatedAt: machine.createdAt,
    });
    const again = await Promise.all(
      ["x", "y"].map((metadata) => newMachine(account, { id: "laptop-1", metadata })),
    );
    expect(again).toEqual([machine, machine]);
    const read = await account.get(OneMachine, "GET", "/v1/machines/laptop-1");
    expect(read).toEqual({ machine });
    // It is told to people, and to itself.
    const { id: machineId, accountId: _, lastActiveAt: __, ...rest } = machine;
    const told = (await at.caughtUp()).updates.map(({ body }) => body);
    expect(told).toEqual([{ t: "new-machine", machineId, ...rest }]);
    at.close();
  });

  it.each([
    ["null", null, null],
    ["absent", undefined, null],
    ["a text", "YQ==", "YQ=="],
    ["empty", "", ""],
  ])("take a state and a key that are %s", async (_, sent, kept) => {
    const account = await SyncAccount.create();
    const machine = await newMachine(account, { daemonState: sent, dataEncryptionKey: sent });
    expect(machine).toMatchObject({
      daemonState: kept,
      daemonStateVersion: kept === null ? 0 : 1,
      dataEncryptionKey: kept,
    });
  });

  it.each([
    ["id", undefined],
    ["id", ""],
    ["id", 1],
    ["id", "with space"],
    ["id", "é"],
    ["id", "x".repeat(SYNC_ID_MAX_LENGTH + 1)],
    ["metadata", undefined],
    ["metadata", null],
    ["metadata", "x".repeat(SYNC_STATE_MAX_LENGTH + 1)],
    ["metadata", "é".repeat(SYNC_STATE_MAX_BYTES / 2)],
    ["daemonState", 1],
    ["daemonState", "x".repeat(SYNC_STATE_MAX_LENGTH + 1)],
    ["dataEncryptionKey", "a-_b"],
    ["dataEncryptionKey", "x".repeat(SYNC_DATA_KEY_MAX_LENGTH + 4)],
  ])("are refused with a %s that is wrong", async (name, value) => {
    const account = await SyncAccount.create();
    const body = { id: "m1", metadata: "m", [name]: value };
    expect(await account.ask("POST", "/v1/machines", body)).toEqual(refused(400, name));
    expect(await account.get(Machines, "GET", "/v1/machines")).toEqual({
      machines: [],
      hasMore: false,
    });
  });

  it("have fields up to their limits", async () => {
    const account = await SyncAccount.create();
    const body = {
      id: "x".repeat(SYNC_ID_MAX_LENGTH),
      metadata: "x".repeat(SYNC_STATE_MAX_LENGTH),
      daemonState: "é".repeat(SYNC_STATE_MAX_BYTES / 2 - 1),
      dataEncryptionKey: "x".repeat(SYNC_DATA_KEY_MAX_LENGTH),
    };
    expect(await newMachine(account, body)).toMatchObject(body);
    const { id, metadata, daemonState } = body;
    const path = `/v1/machines/${id}`;
    expect(await account.ask("GET", `${path}x`)).toEqual(refused(400, "id"));
    const change = { metadata: daemonState, daemonState: metadata };
    const changed = await account.get(OneMachine, "PUT", `${path}/status`, change);
    expect(changed.machine).toMatchObject(change);
    for (const over of [
      { metadata: `${metadata}x` },
      { daemonState: `${daemonState}é` },
      { metadata: null },
      { daemonState: null },
      { active: "true" },
    ]) {
      expect(await account.ask("PUT", `${path}/status`, over)).toEqual(refused(400));
    }
    expect((await account.get(OneMachine, "GET", path)).machine).toEqual(changed.machine);
    const connected = await account.connectSocketIo({
      clientType: "machine-scoped",
      machineId: id,
    });
    connected.close();
  });

  it("are listed, the last heard of first, bare for current clients", async () => {
    const account = await SyncAccount.create();
    for (const id of ["a", "b", "c"]) await newMachine(account, { id });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 });
    await account.call("PUT", "/v1/machines/b/status", { active: true });
    const { machines } = await account.get(Machines, "GET", "/v1/machines");
    expect(machines[0]?.id).toBe("b");
    expect(new Set(idsOf(machines))).toEqual(new Set(["a", "b", "c"]));
    expect(await account.ask("GET", "/v1/machines", undefined, HAPPY)).toEqual([200, machines]);
    const few = await account.get(Machines, "GET", "/v1/machines?limit=1");
    expect(idsOf(few.machines)).toEqual(["b"]);
    const active = await account.get(Machines, "GET", "/v1/machines?activeOnly=true");
    expect(idsOf(active.machines)).toEqual(["b"]);
    const all = await account.get(Machines, "GET", "/v1/machines?activeOnly=false");
    expect(all.machines).toHaveLength(3);
    const wrong = await account.ask("GET", "/v1/machines?activeOnly=1");
    expect(wrong).toEqual(refused(400, "activeOnly"));
    // One machine is wrapped for everybody.
    const one = await account.ask("GET", "/v1/machines/b", undefined, HAPPY);
    expect(one).toEqual([200, { machine: machines[0] }]);
  });

  it("are changed without a version, and tell it", async () => {
    const account = await SyncAccount.create();
    const before = await newMachine(account, { id: "m1", daemonState: "d" });
    await newMachine(account, { id: "m2" });
    const person = await account.connect();
    const itself = await account.connect("?clientType=machine-scoped&machineId=m1");
    const other = await account.connectSocketIo({ clientType: "machine-scoped", machineId: "m2" });
    for (const client of [person, itself, other]) await client.caughtUp();
    const heard = person.of("ephemeral").length;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000 });
    const put = async (body: object) =>
      (await account.get(OneMachine, "PUT", "/v1/machines/m1/status", body)).machine;
    const now = Date.now();
    const changed = await put({ metadata: "m2", daemonState: "d2", active: false });
    expect(changed).toEqual({
      ...before,
      metadata: "m2",
      metadataVersion: 2,
      daemonState: "d2",
      daemonStateVersion: 2,
      active: false,
      seq: changed.seq,
      lastActiveAt: now,
      activeAt: now,
      updatedAt: now,
    });
    expect(changed.seq).toBeGreaterThan(before.seq);
    for (const client of [person, itself, other]) await client.caughtUp();
    const body = {
      t: "update-machine",
      machineId: "m1",
      metadata: { value: "m2", version: 2 },
      daemonState: { value: "d2", version: 2 },
      active: false,
      activeAt: now,
    };
    expect(person.updates.map((update) => update.body)).toEqual([body]);
    expect(itself.updates.map((update) => update.body)).toEqual([body]);
    expect(other.updates).toEqual([]);
    expect(person.of("ephemeral").slice(heard)).toEqual([
      { type: "machine-activity", id: "m1", machineId: "m1", active: false, activeAt: now },
    ]);
    // A sign of life alone.
    vi.setSystemTime(now + 60_000);
    expect(await put({})).toMatchObject({
      metadataVersion: 2,
      daemonStateVersion: 2,
      active: false,
      lastActiveAt: now + 60_000,
    });
    expect(await put({ active: true })).toMatchObject({ active: true });
    expect(await account.ask("PUT", "/v1/machines/none/status", {})).toEqual(noMachine);
    for (const client of [person, itself, other]) client.close();
  });

  it("are deleted with their connections, and their sessions stay", async () => {
    const account = await furnished();
    const { id } = account.machine;
    const person = await account.connect();
    const about = { clientType: "machine-scoped", machineId: id };
    const native = await account.connect(`?clientType=machine-scoped&machineId=${id}`);
    const io = await account.connectSocketIo(about);
    expect(await account.ask("DELETE", `/v1/machines/${id}`)).toEqual(success);
    expect(await native.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect(await io.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect((await person.caughtUp()).updates.map(({ body }) => body)).toEqual([
      { t: "delete-machine", machineId: id },
    ]);
    for (const [method, path] of [
      ["GET", `/v1/machines/${id}`],
      ["DELETE", `/v1/machines/${id}`],
      ["PUT", `/v1/machines/${id}/status`],
    ] as const) {
      expect(await account.ask(method, path, method === "PUT" ? {} : undefined)).toEqual(noMachine);
    }
    expect(await account.ask("GET", `/v1/sessions/${account.session.id}`)).toMatchObject([200, {}]);
    // Who comes back finds nothing, until it is registered anew.
    const late = await openNative(`/v1/updates?clientType=machine-scoped&machineId=${id}`, {
      Authorization: `Bearer ${account.token}`,
    });
    expect(await late.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect(await newMachine(account, { id })).toMatchObject({ metadataVersion: 1, seq: 0 });
    (await account.connectSocketIo(about)).close();
    person.close();
  });
});

describe("push tokens, and tokens of vendors (sync.md §3.7, §3.12)", () => {
  const Tokens = z.strictObject({
    tokens: z.array(
      z.strictObject({
        id: z.string(),
        token: z.string(),
        createdAt: z.number(),
        updatedAt: z.number(),
      }),
    ),
  });
  const pushTokens = async (account: SyncAccount) =>
    (await account.get(Tokens, "GET", "/v1/push-tokens")).tokens;

  it("are kept once each, the newest first", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const account = await SyncAccount.create();
    expect(await pushTokens(account)).toEqual([]);
    const add = (token: string) => account.ask("POST", "/v1/push-tokens", { token });
    expect(await add("ExponentPushToken[a]")).toEqual(success);
    const [first] = await pushTokens(account);
    vi.setSystemTime(Date.now() + 5);
    await add("ExponentPushToken[b]");
    vi.setSystemTime(Date.now() + 5);
    expect(await add("ExponentPushToken[a]")).toEqual(success);
    const tokens = await pushTokens(account);
    expect(tokens.map(({ token }) => token)).toEqual([
      "ExponentPushToken[b]",
      "ExponentPushToken[a]",
    ]);
    expect(tokens[1]).toEqual({ ...first, updatedAt: Date.now() });
  });

  it.each(["openai", "anthropic", "gemini"])("of %s are stored encrypted", async (vendor) => {
    const account = await furnished();
    const other = await furnished();
    const path = `/v1/connect/${vendor}/token`;
    const token = JSON.stringify({ access_token: "secret-\u{1F600}", id: vendor });
    await account.call("DELETE", path);
    const keep = (text: string) =>
      account.ask("POST", `/v1/connect/${vendor}/register`, { token: text });
    const before = await other.ask("GET", path);
    expect(await keep(token)).toEqual(success);
    expect(await account.ask("GET", path)).toEqual([200, { token }]);
    expect(await other.ask("GET", path)).toEqual(before);
    const stored = await runInDurableObject(
      env.USER_HUB.getByName(account.machine.accountId),
      (_, { storage }) =>
        JSON.stringify(storage.sql.exec("SELECT * FROM sync_vendor_tokens").toArray()),
    );
    expect(stored).toContain(vendor);
    expect(stored).not.toContain("secret-");
    expect(await keep("newer")).toEqual(success);
    expect(await account.ask("GET", path)).toEqual([200, { token: "newer" }]);
  });

  it("of vendors are of no use in another account, or for another vendor", async () => {
    const [account, other] = [await furnished(), await furnished()];
    const rowsOf = ({ machine }: Owned) =>
      runInDurableObject(env.USER_HUB.getByName(machine.accountId), (_, { storage }) =>
        storage.sql.exec<{ token: string }>("SELECT token FROM sync_vendor_tokens").toArray(),
      );
    const [{ token }] = z.tuple([z.object({ token: z.string() })]).parse(await rowsOf(account));
    for (const [whose, vendor] of [
      [other, "openai"],
      [account, "gemini"],
      [account, "openai"],
    ] as const) {
      await runInDurableObject(
        env.USER_HUB.getByName(whose.machine.accountId),
        (_, { storage }) => {
          const insert = "INSERT OR REPLACE INTO sync_vendor_tokens VALUES (?, ?, 0)";
          storage.sql.exec(insert, vendor, token);
        },
      );
      const isInPlace = whose === account && vendor === "openai";
      expect(await whose.ask("GET", `/v1/connect/${vendor}/token`)).toEqual([
        200,
        { token: isInPlace ? "secret" : null },
      ]);
    }
  });

  it("are null where there is none", async () => {
    const account = await SyncAccount.create();
    expect(await account.ask("GET", "/v1/connect/gemini/token")).toEqual([200, { token: null }]);
  });

  it("are refused when they are wrong", async () => {
    const account = await SyncAccount.create();
    const longest = "x".repeat(SYNC_TOKEN_MAX_LENGTH);
    for (const path of ["/v1/push-tokens", "/v1/connect/openai/register"]) {
      for (const token of [undefined, null, "", 1, {}, "\ud83d", `${longest}x`]) {
        expect(await account.ask("POST", path, { token })).toEqual(refused(400, "token"));
      }
      expect(await account.ask("POST", path, { token: longest })).toEqual(success);
    }
    expect((await pushTokens(account)).map(({ token }) => token)).toEqual([longest]);
    const kept = await account.ask("GET", "/v1/connect/openai/token");
    expect(kept).toEqual([200, { token: longest }]);
    for (const vendor of ["nobody", "OPENAI", "openai%20"]) {
      const unknown = `/v1/connect/${vendor}`;
      const body = { token: "x" };
      expect(await account.ask("POST", `${unknown}/register`, body)).toEqual(
        refused(400, "vendor"),
      );
      expect(await account.ask("GET", `${unknown}/token`)).toEqual(refused(400, "vendor"));
    }
  });
});
