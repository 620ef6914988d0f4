import { applyD1Migrations, env, runDurableObjectAlarm } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  SYNC_NAME_MAX_LENGTH,
  SYNC_STATE_MAX_LENGTH,
  SYNC_USERNAME_MAX_LENGTH,
  SYNC_USERNAME_MIN_LENGTH,
} from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
import { idOf, newSession, refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { d1Accounts } from "./adapters/d1-accounts.ts";
import { Profile } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const PROFILES = ["/v1/account", "/v1/account/profile"];
const SETTINGS = [
  ["PUT", "/v1/account/preferences"],
  ["POST", "/v1/account/settings"],
] as const;

const rename = (account: SyncAccount, names: unknown) => account.ask("PUT", "/v1/account", names);
const taken = [409, { success: false, error: "username-taken" }];
let names = 0;
/** A username that no other account of the tests has. */
const newName = (): string => `Name-${++names}`;

/** An account's row in D1. */
const rowOf = (id: string) =>
  env.DB.prepare("SELECT seq, settings, settingsVersion FROM Account WHERE id = ?")
    .bind(id)
    .first();

describe("GET and PUT /v1/account (sync.md §3.8)", () => {
  it("show an account that has nothing yet, in both places", async () => {
    const account = await SyncAccount.create();
    for (const path of PROFILES) {
      const profile = await account.get(Profile, "GET", path);
      expect(profile).toEqual({
        id: await idOf(account),
        timestamp: expect.any(Number),
        firstName: null,
        lastName: null,
        username: null,
        avatar: null,
        github: null,
        connectedServices: [],
      });
      expect(Math.abs(profile.timestamp - Date.now())).toBeLessThan(60_000);
    }
  });

  it("show GitHub's profile, and which vendors have a token", async () => {
    const account = await SyncAccount.create();
    const id = await idOf(account);
    for (const vendor of ["openai", "anthropic"]) {
      await account.call("POST", `/v1/connect/${vendor}/register`, { token: "secret" });
    }
    await env.DB.batch([
      env.DB.prepare("INSERT INTO GithubUser VALUES (?, ?, 'sealed', 1, 1)").bind(
        `hub ${id}`,
        JSON.stringify({ login: "ada", id: 7 }),
      ),
      env.DB.prepare("UPDATE Account SET githubUserId = ? WHERE id = ?").bind(`hub ${id}`, id),
    ]);
    const [status, profile] = await account.ask("GET", "/v1/account");
    expect([status, profile]).toEqual([
      200,
      expect.objectContaining({
        github: { login: "ada", id: 7 },
        connectedServices: ["anthropic", "openai"],
      }),
    ]);
    expect(JSON.stringify(profile)).not.toMatch(/sealed|secret/);
  });

  it("change what is given, and tell it", async () => {
    const account = await SyncAccount.create();
    const phone = await account.connect();
    const username = newName();
    expect(await rename(account, { firstName: "Ada", lastName: "L", username })).toEqual([
      200,
      {
        success: true,
        profile: expect.objectContaining({ firstName: "Ada", lastName: "L", username }),
      },
    ]);
    expect(await rename(account, { lastName: null })).toMatchObject([
      200,
      { profile: { firstName: "Ada", lastName: null, username } },
    ]);
    expect(await rename(account, {})).toMatchObject([200, { profile: { firstName: "Ada" } }]);
    const id = await idOf(account);
    expect((await phone.caughtUp()).updates.map(({ body }) => body)).toEqual([
      { t: "update-account", id, firstName: "Ada", lastName: "L", username },
      { t: "update-account", id, lastName: null },
    ]);
    expect(await account.ask("GET", "/v1/account")).toMatchObject([
      200,
      { firstName: "Ada", lastName: null, username },
    ]);
    phone.close();
  });

  it("give a username to one account, whatever its case, also to two at once", async () => {
    const [one, two] = [await SyncAccount.create(), await SyncAccount.create()];
    const username = newName();
    expect((await rename(one, { username }))[0]).toBe(200);
    const phone = await two.connect();
    for (const other of [username, username.toLowerCase(), username.toUpperCase()]) {
      expect(await rename(two, { firstName: "Grace", username: other })).toEqual(taken);
    }
    expect((await phone.caughtUp()).updates).toEqual([]);
    expect(await two.ask("GET", "/v1/account")).toMatchObject([200, { firstName: null }]);
    phone.close();
    // Its owner may write it in another way, and then give it away.
    expect((await rename(one, { username: username.toLowerCase() }))[0]).toBe(200);
    expect((await rename(one, { username: newName() }))[0]).toBe(200);
    expect((await rename(two, { username }))[0]).toBe(200);
    const wanted = newName();
    const both = await Promise.all([
      rename(one, { username: wanted }),
      rename(two, { username: wanted.toUpperCase() }),
    ]);
    expect(new Set(both.map(([status]) => status))).toEqual(new Set([200, 409]));
  });

  it("refuse names that are wrong, and change nothing then", async () => {
    const account = await SyncAccount.create();
    const name = "n".repeat(SYNC_NAME_MAX_LENGTH);
    const username = "u".repeat(SYNC_USERNAME_MAX_LENGTH);
    for (const body of [
      { firstName: "" },
      { firstName: null },
      { firstName: `${name}n` },
      // Two units of UTF-16, and one character.
      { firstName: `${name.slice(1)}😀` },
      { firstName: "half \uD83D" },
      { lastName: `${name}n` },
      { lastName: 1 },
      { username: "u".repeat(SYNC_USERNAME_MIN_LENGTH - 1) },
      { username: `${username}u` },
      { username: null },
      { username: "a b c" },
      { username: "a.b.c" },
      { username: "abcé" },
      { username: "abc\n" },
      { firstName: "Good", username: "%%%" },
    ]) {
      expect(await rename(account, body), JSON.stringify(body)).toEqual(refused(400));
    }
    expect(await account.ask("GET", "/v1/account")).toMatchObject([
      200,
      { firstName: null, lastName: null, username: null },
    ]);
    const longest = { firstName: name, lastName: name, username };
    expect(await rename(account, longest)).toMatchObject([200, { profile: longest }]);
    expect((await rename(account, { lastName: "" }))[0]).toBe(200);
    const shortest = { username: "u".repeat(SYNC_USERNAME_MIN_LENGTH) };
    expect((await rename(account, shortest))[0]).toBe(200);
  });

  it("are told later, in order, if the hub could not be told at once", async () => {
    const account = await SyncAccount.create();
    const phone = await account.connect();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const away = vi.spyOn(env.USER_HUB, "getByName").mockImplementationOnce(() => {
      throw new Error("the hub is away");
    });
    expect(await rename(account, { firstName: "Ada" })).toMatchObject([
      200,
      { profile: { firstName: "Ada" } },
    ]);
    away.mockRestore();
    expect((await phone.caughtUp()).updates).toEqual([]);
    expect((await rename(account, { lastName: "L" }))[0]).toBe(200);
    const id = await idOf(account);
    expect((await phone.caughtUp()).updates.map(({ body }) => body)).toEqual([
      { t: "update-account", id, firstName: "Ada" },
      { t: "update-account", id, lastName: "L" },
    ]);
    vi.restoreAllMocks();
    phone.close();
  });
});

describe("preferences (sync.md §3.8)", () => {
  it("begin with version 0, and are the same in both places", async () => {
    const account = await SyncAccount.create();
    let version = 0;
    let present: string | null = null;
    const read = async () => {
      const answers = await Promise.all(SETTINGS.map(([, path]) => account.ask("GET", path)));
      expect(answers[0]).toEqual(answers[1]);
      return answers[0];
    };
    expect(await read()).toEqual([200, { settings: null, settingsVersion: 0 }]);
    for (const [i, settings] of [" s\r\n", "", null, "t"].entries()) {
      const [method, path] = SETTINGS[i % 2] ?? SETTINGS[0];
      const change = (expectedVersion: number) =>
        account.ask(method, path, { settings, expectedVersion });
      for (const wrong of [version + 1, version + 7]) {
        expect(await change(wrong)).toEqual([
          200,
          {
            success: false,
            error: "version-mismatch",
            currentVersion: version,
            currentSettings: present,
          },
        ]);
      }
      version += 1;
      expect(await change(version - 1)).toEqual([200, { success: true, version }]);
      present = settings;
      expect(await read()).toEqual([200, { settings, settingsVersion: version }]);
    }
  });

  it("let one of 50 writers win at a time", async () => {
    const account = await SyncAccount.create();
    for (let version = 0; version < 5; version += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => {
          const [method, path] = SETTINGS[i % 2] ?? SETTINGS[0];
          return account.ask(method, path, { settings: String(i), expectedVersion: version });
        }),
      );
      const isWon = ([, body]: readonly [number, unknown]) =>
        (body as { readonly success: boolean }).success;
      expect(answers.filter(isWon)).toHaveLength(1);
      const settings = String(answers.findIndex(isWon));
      for (const answer of answers.filter((one) => !isWon(one))) {
        expect(answer).toMatchObject([
          200,
          { currentVersion: version + 1, currentSettings: settings },
        ]);
      }
    }
  });

  it("are refused when they are wrong or too long", async () => {
    const account = await SyncAccount.create();
    const longest = "s".repeat(SYNC_STATE_MAX_LENGTH);
    for (const [method, path] of SETTINGS) {
      for (const body of [
        { settings: `${longest}s`, expectedVersion: 0 },
        { settings: {}, expectedVersion: 0 },
        { expectedVersion: 0 },
        { settings: "s" },
        { settings: "s", expectedVersion: -1 },
        { settings: "s", expectedVersion: 0.5 },
        { settings: "s", expectedVersion: "0" },
        { settings: "half \uD83D", expectedVersion: 0 },
      ]) {
        expect(await account.ask(method, path, body)).toEqual(refused(400));
      }
    }
    const [method, path] = SETTINGS[0];
    const answer = await account.ask(method, path, { settings: longest, expectedVersion: 0 });
    expect(answer).toEqual([200, { success: true, version: 1 }]);
  });
});

describe("the copies in D1 (sync.md §0b.2)", () => {
  it("are written by the hub's alarm", async () => {
    const account = await SyncAccount.create();
    const id = await idOf(account);
    await newSession(account);
    const [method, path] = SETTINGS[0];
    await account.call(method, path, { settings: "s", expectedVersion: 0 });
    expect(await rowOf(id)).toEqual({ seq: 0, settings: null, settingsVersion: 0 });
    await vi.waitUntil(async () => {
      await runDurableObjectAlarm(env.USER_HUB.getByName(id));
      return (await rowOf(id))?.["settingsVersion"] === 1;
    }, SOON);
    expect(await rowOf(id)).toEqual({ seq: 2, settings: "s", settingsVersion: 1 });
  });

  it("are never replaced by older ones, whatever their order", async () => {
    const account = await SyncAccount.create();
    const [id, stranger] = [await idOf(account), await idOf(await SyncAccount.create())];
    const accounts = d1Accounts(env.DB);
    const all = [
      { seq: 1, settings: "a", settingsVersion: 1 },
      { seq: 5, settings: "b", settingsVersion: 2 },
      // A restored hub: fewer updates, newer settings.
      { seq: 4, settings: null, settingsVersion: 3 },
    ];
    for (const at of [1, 0, 1, 2, 0, 1]) {
      const copies = all[at];
      if (copies !== undefined) await accounts.keepCopies(id, copies);
    }
    expect(await rowOf(id)).toEqual({ seq: 5, settings: null, settingsVersion: 3 });
    expect(await rowOf(stranger)).toEqual({ seq: 0, settings: null, settingsVersion: 0 });
    // An account that is gone is no failure.
    await accounts.keepCopies("nobody", { seq: 1, settings: "a", settingsVersion: 1 });
  });
});
