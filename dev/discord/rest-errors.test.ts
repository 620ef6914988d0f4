import { describe, expect, it, vi } from "vitest";
import { LOBBY } from "./seed.ts";
import { SOON } from "../../src/testing/soon.ts";
import { BOT_PERMISSIONS } from "./permissions.ts";
import { DiscordControl } from "./control-client.ts";
import { control } from "../doubles/control.ts";
import {
  asObject,
  BOT,
  call,
  CATEGORY,
  GUILD,
  PLAYER,
  RawClient,
  startForTest,
  TEXT_CHANNEL,
} from "./test-client.ts";

const ABSENT = "100000000000009999";
const VIEW_CHANNEL = 1n << 10n;
const CONNECT = 1n << 20n;
const MANAGE_CHANNELS = 1n << 4n;
const MANAGE_ROLES = 1n << 28n;
const VIEW_AUDIT_LOG = 1n << 7n;
const ALL = BOT_PERMISSIONS.toString();
const APPLICATION = `/applications/${BOT}`;
const BUTTON = { type: 2, style: 5, label: "Go", url: "https://example.com" };

const row = (button: object): object[] => [{ type: 1, components: [button] }];
const command = (name: string, more: object = {}): object => ({ name, description: "x", ...more });

describe("refusals of the local REST API", () => {
  it.each<[string, string, string, unknown, number, number]>([
    ["no such route", "GET", "/nothing", undefined, 404, 0],
    ["another method", "PUT", `/channels/${LOBBY}`, undefined, 405, 0],
    ["an unknown channel", "GET", `/channels/${ABSENT}`, undefined, 404, 10_003],
    ["an unknown guild", "GET", `/guilds/${ABSENT}/channels`, undefined, 404, 10_004],
    ["an unknown user", "GET", `/users/${ABSENT}`, undefined, 404, 10_013],
    ["an unknown member", "GET", `/guilds/${GUILD}/members/${ABSENT}`, undefined, 404, 10_013],
    ["an invalid channel id", "GET", "/channels/abc", undefined, 400, 50_035],
    ["an invalid guild id", "GET", "/guilds/abc", undefined, 400, 50_035],
    ["a body that is not JSON", "POST", `/guilds/${GUILD}/channels`, "{", 400, 50_109],
    ["a body that is a list", "POST", `/guilds/${GUILD}/channels`, [], 400, 50_035],
    ["a channel without a name", "POST", `/guilds/${GUILD}/channels`, {}, 400, 50_035],
    ["a name of 101", "POST", `/guilds/${GUILD}/channels`, { name: "x".repeat(101) }, 400, 50_035],
    ["an unknown type", "POST", `/guilds/${GUILD}/channels`, { name: "x", type: 9 }, 400, 50_035],
    ["a negative limit", "PATCH", `/channels/${LOBBY}`, { user_limit: -1 }, 400, 50_035],
    ["a bitrate too low", "PATCH", `/channels/${LOBBY}`, { bitrate: 7_999 }, 400, 50_035],
    [
      "a parent that is not a category",
      "PATCH",
      `/channels/${LOBBY}`,
      { parent_id: TEXT_CHANNEL },
      400,
      50_035,
    ],
    ["an unknown parent", "PATCH", `/channels/${LOBBY}`, { parent_id: ABSENT }, 400, 50_035],
    [
      "an unknown overwrite",
      "DELETE",
      `/channels/${LOBBY}/permissions/${PLAYER}`,
      undefined,
      404,
      10_009,
    ],
    [
      "an overwrite without a type",
      "PUT",
      `/channels/${LOBBY}/permissions/${PLAYER}`,
      { allow: "0" },
      400,
      50_035,
    ],
    [
      "an invalid bit set",
      "PUT",
      `/channels/${LOBBY}/permissions/${PLAYER}`,
      { type: 1, allow: "-1" },
      400,
      50_035,
    ],
    [
      "an overwrite for an unknown role",
      "PUT",
      `/channels/${LOBBY}/permissions/${PLAYER}`,
      { type: 0 },
      400,
      50_028,
    ],
    ["an invite to a category", "POST", `/channels/${CATEGORY}/invites`, {}, 400, 50_024],
    ["101 uses", "POST", `/channels/${LOBBY}/invites`, { max_uses: 101 }, 400, 50_035],
    ["a page of 101", "GET", `/guilds/${GUILD}/audit-logs?limit=101`, undefined, 400, 50_035],
    ["an empty message", "POST", `/channels/${TEXT_CHANNEL}/messages`, {}, 400, 50_006],
    [
      "2001 characters",
      "POST",
      `/channels/${TEXT_CHANNEL}/messages`,
      { content: "x".repeat(2_001) },
      400,
      50_035,
    ],
    [
      "a button that runs a script",
      "POST",
      `/channels/${TEXT_CHANNEL}/messages`,
      { content: "x", components: row({ ...BUTTON, url: "javascript:alert(1)" }) },
      400,
      50_035,
    ],
    [
      "a button without an address",
      "POST",
      `/channels/${TEXT_CHANNEL}/messages`,
      { content: "x", components: row({ ...BUTTON, url: undefined }) },
      400,
      50_035,
    ],
    [
      "commands of another application",
      "GET",
      `/applications/${ABSENT}/commands`,
      undefined,
      403,
      20_012,
    ],
    [
      "commands of a guild without the bot",
      "PUT",
      `${APPLICATION}/guilds/${ABSENT}/commands`,
      [],
      403,
      50_001,
    ],
    ["commands that are not a list", "PUT", `${APPLICATION}/commands`, {}, 400, 50_035],
    [
      "a command name with capitals",
      "PUT",
      `${APPLICATION}/commands`,
      [command("Link")],
      400,
      50_035,
    ],
    [
      "a command without a description",
      "PUT",
      `${APPLICATION}/commands`,
      [{ name: "link" }],
      400,
      50_035,
    ],
    ["a message to a bot", "POST", "/users/@me/channels", { recipient_id: BOT }, 403, 50_007],
    [
      "a message to an unknown user",
      "POST",
      "/users/@me/channels",
      { recipient_id: ABSENT },
      404,
      10_013,
    ],
  ])("%s", async (_, method, path, body, status, code) => {
    const discord = await startForTest();
    const answer = await call(discord, method, path, { body });
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.body["message"]).toEqual(expect.any(String));
  });

  it("another version, no token, another token, no user agent, another content type, a long reason", async () => {
    const discord = await startForTest();
    expect((await call(discord, "GET", "/../v9/users/@me")).body).toMatchObject({ code: 50_041 });
    for (const authorization of ["", "Bot nobody", "Bearer nobody"]) {
      const { status, body } = await call(discord, "GET", "/users/@me", {
        headers: { authorization },
      });
      expect([status, body]).toEqual([401, { code: 0, message: "401: Unauthorized" }]);
    }
    expect(
      (await call(discord, "GET", "/gateway", { headers: { authorization: "" } })).status,
    ).toBe(200);
    const nameless = { headers: { "user-agent": "" } };
    expect((await call(discord, "GET", "/users/@me", nameless)).status).toBe(403);
    const text = { body: "{}", headers: { "content-type": "text/plain" } };
    expect((await call(discord, "PATCH", `/channels/${LOBBY}`, text)).body).toMatchObject({
      code: 50_035,
    });
    const reason = { headers: { "x-audit-log-reason": "x".repeat(513) } };
    expect((await call(discord, "DELETE", `/channels/${LOBBY}`, reason)).body).toMatchObject({
      code: 50_035,
    });
  });

  it("counts a bucket per channel and refuses calls above its limit", async () => {
    const discord = await startForTest();
    const path = `/channels/${TEXT_CHANNEL}/messages`;
    const sent: Awaited<ReturnType<typeof call>>[] = [];
    for (let n = 0; n < 6; n += 1) {
      sent.push(await call(discord, "POST", path, { body: { content: "hello" } }));
    }
    expect(sent.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(sent.map(({ headers }) => headers.get("x-ratelimit-remaining"))).toEqual([
      "4",
      "3",
      "2",
      "1",
      "0",
      "0",
    ]);
    const limited = sent[5];
    expect(limited?.headers.get("x-ratelimit-scope")).toBe("user");
    expect(limited?.headers.get("x-ratelimit-bucket")).toBe(
      sent[0]?.headers.get("x-ratelimit-bucket"),
    );
    expect(limited?.headers.get("x-ratelimit-global")).toBeNull();
    expect(limited?.body).toMatchObject({ global: false, message: "You are being rate limited." });
    const wait = Number(limited?.body["retry_after"]);
    expect(wait).toBeGreaterThan(0);
    expect(Number(limited?.headers.get("retry-after"))).toBe(Math.ceil(wait));
    expect(Number(limited?.headers.get("x-ratelimit-reset-after"))).toBeCloseTo(wait, 3);
    const other = await call(discord, "POST", `/channels/${LOBBY}/messages`, {
      body: { content: "hi" },
    });
    expect(other.status).toBe(200);
  });

  it("names the index of every invalid command", async () => {
    const discord = await startForTest();
    const option = (name: string, required: boolean): object => ({
      ...command(name),
      type: 3,
      required,
    });
    const { body } = await call(discord, "PUT", `${APPLICATION}/guilds/${GUILD}/commands`, {
      body: [
        command("fine"),
        command("fine"),
        command("late", { options: [option("a", false), option("b", true)] }),
        command("twice", { options: [option("a", true), option("a", true)] }),
        command("odd", { type: 4, default_member_permissions: "all", contexts: [7] }),
      ],
    });
    expect(body["errors"]).toMatchObject({
      1: { _errors: [{ code: "APPLICATION_COMMANDS_DUPLICATE_NAME" }] },
      2: { options: { _errors: [{ code: "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID" }] } },
      3: { options: { _errors: [{ code: "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS" }] } },
      4: { type: {}, default_member_permissions: {}, contexts: {} },
    });
    const many = Array.from({ length: 101 }, (_, n) => command(`c${n}`));
    const tooMany = await call(discord, "PUT", `${APPLICATION}/commands`, { body: many });
    expect(tooMany.body).toMatchObject({ code: 30_032 });
    expect((await call(discord, "GET", `${APPLICATION}/commands`)).body).toEqual({});
  });

  it("answers with the right code about users who have left or refuse messages", async () => {
    const discord = await startForTest();
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    await control(discord, "POST", "/members", { userId: PLAYER, member: false });
    const member = `/guilds/${GUILD}/members/${PLAYER}`;
    expect((await call(discord, "GET", member)).body).toMatchObject({ code: 10_007 });
    const move = { body: { channel_id: LOBBY } };
    expect((await call(discord, "PATCH", member, move)).body).toMatchObject({ code: 10_007 });
    const opened = await call(discord, "POST", "/users/@me/channels", {
      body: { recipient_id: PLAYER },
    });
    const write = async (): Promise<unknown> => {
      const path = `/channels/${String(opened.body["id"])}/messages`;
      const { status, body } = await call(discord, "POST", path, { body: { content: "hello" } });
      return body["code"] ?? status;
    };
    expect(await write()).toBe(50_278);
    await control(discord, "POST", "/members", { userId: PLAYER, member: true });
    expect(await write()).toBe(200);
    await control(discord, "POST", `/users/${PLAYER}`, { acceptsDirectMessages: false });
    expect(await write()).toBe(50_007);
    expect(await new DiscordControl(discord).messages()).toHaveLength(1);
  });

  it("refuses a channel when the guild is full", async () => {
    const discord = await startForTest();
    const create = (): ReturnType<typeof call> =>
      call(discord, "POST", `/guilds/${GUILD}/channels`, { body: { name: "one more", type: 2 } });
    for (let n = 3; n < 499; n += 1) await control(discord, "POST", "/channels", { name: "room" });
    expect((await create()).status).toBe(201);
    expect((await create()).body).toMatchObject({
      code: 30_013,
      message: "Maximum number of server channels reached (500)",
    });
  });
});

describe("permissions of the bot", () => {
  it.each<[string, bigint, string, string, unknown, number]>([
    ["cannot read a channel", VIEW_CHANNEL, "GET", `/channels/${LOBBY}`, undefined, 50_001],
    [
      "cannot create a channel",
      MANAGE_CHANNELS,
      "POST",
      `/guilds/${GUILD}/channels`,
      { name: "x" },
      50_013,
    ],
    ["cannot delete a channel", MANAGE_CHANNELS, "DELETE", `/channels/${LOBBY}`, undefined, 50_013],
    [
      "cannot delete a channel that it cannot join",
      CONNECT,
      "DELETE",
      `/channels/${LOBBY}`,
      undefined,
      50_013,
    ],
    [
      "cannot set an overwrite",
      MANAGE_ROLES,
      "PUT",
      `/channels/${LOBBY}/permissions/${PLAYER}`,
      { type: 1 },
      50_013,
    ],
    ["cannot create an invite", 1n, "POST", `/channels/${LOBBY}/invites`, {}, 50_013],
    [
      "cannot move a member",
      1n << 24n,
      "PATCH",
      `/guilds/${GUILD}/members/${PLAYER}`,
      { channel_id: null },
      50_013,
    ],
    [
      "cannot read the audit log",
      VIEW_AUDIT_LOG,
      "GET",
      `/guilds/${GUILD}/audit-logs`,
      undefined,
      50_013,
    ],
  ])("without the permission the bot %s", async (_, bit, method, path, body, code) => {
    const discord = await startForTest();
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const permissions = String(BOT_PERMISSIONS & ~bit);
    await control(discord, "POST", "/permissions", { permissions });
    const refused = await call(discord, method, path, { body });
    expect([refused.status, refused.body["code"]]).toEqual([403, code]);
    await control(discord, "POST", "/permissions", { permissions: ALL });
    const allowed = await call(discord, method, path, { body });
    expect(allowed.status).toBeLessThan(300);
  });

  it("cannot move a member to a channel that the bot may not enter", async () => {
    const discord = await startForTest();
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const { body: room } = await call(discord, "POST", `/guilds/${GUILD}/channels`, {
      body: {
        name: "x",
        type: 2,
        permission_overwrites: [{ id: BOT, type: 1, deny: String(CONNECT) }],
      },
    });
    const moved = await call(discord, "PATCH", `/guilds/${GUILD}/members/${PLAYER}`, {
      body: { channel_id: room["id"] },
    });
    expect([moved.status, moved.body["code"]]).toEqual([403, 50_013]);
  });

  it("can grant only permissions that the bot has, and never MANAGE_ROLES", async () => {
    const discord = await startForTest();
    const allow = (bits: bigint): ReturnType<typeof call> =>
      call(discord, "POST", `/guilds/${GUILD}/channels`, {
        body: {
          name: "x",
          permission_overwrites: [{ id: PLAYER, type: 1, allow: bits.toString() }],
        },
      });
    expect((await allow(1n << 2n)).body).toMatchObject({ code: 50_013 });
    expect((await allow(MANAGE_ROLES)).body).toMatchObject({ code: 50_013 });
    expect((await allow(VIEW_CHANNEL | CONNECT)).status).toBe(201);
  });

  it("gets no events of a channel that is hidden from the bot", async () => {
    const discord = await startForTest();
    const client = await new RawClient(discord).opened();
    client.identify();
    await client.dispatch("GUILD_CREATE");
    const hidden = [{ id: GUILD, type: 0, deny: String(VIEW_CHANNEL) }];
    const shown = [...hidden, { id: BOT, type: 1, allow: String(VIEW_CHANNEL | CONNECT) }];
    const create = (name: string, permission_overwrites: object[]): ReturnType<typeof call> =>
      call(discord, "POST", `/guilds/${GUILD}/channels`, {
        body: { name, type: 2, permission_overwrites },
      });
    const secret = String((await create("secret", hidden)).body["id"]);
    const room = String((await create("private", shown)).body["id"]);
    expect((await call(discord, "GET", `/channels/${secret}`)).body).toMatchObject({
      code: 50_001,
    });
    for (const channelId of [room, secret, room, secret, null]) {
      await control(discord, "POST", "/voice", { userId: PLAYER, channelId });
    }
    await control(discord, "DELETE", `/channels/${secret}`);
    await control(discord, "DELETE", `/channels/${room}`);
    await vi.waitUntil(() => client.events().includes("CHANNEL_DELETE"), SOON);
    const seen = client.received
      .filter(({ t }) => t !== null && !["READY", "GUILD_CREATE"].includes(t))
      .map(({ t, d }) => {
        const { name, channel_id } = asObject(d);
        return [t, name ?? channel_id];
      });
    expect(seen).toEqual([
      ["CHANNEL_CREATE", "private"],
      ["VOICE_STATE_UPDATE", room],
      // The player moved into the hidden channel: the bot sees that the player left.
      ["VOICE_STATE_UPDATE", null],
      ["VOICE_STATE_UPDATE", room],
      ["VOICE_STATE_UPDATE", null],
      ["CHANNEL_DELETE", "private"],
    ]);
  });
});
