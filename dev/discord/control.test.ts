import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LOBBY } from "./seed.ts";
import { SOON } from "../../src/testing/soon.ts";
import { type LocalDiscord, startLocalDiscord } from "./local-discord.ts";
import { DiscordControl } from "./control-client.ts";
import { control } from "../doubles/control.ts";
import {
  asObject,
  BOT,
  call,
  GUILD,
  PLAYER,
  RawClient,
  startForTest,
  TEXT_CHANNEL,
  TOKEN,
} from "./test-client.ts";

async function identified(discord: LocalDiscord): Promise<RawClient> {
  const client = await new RawClient(discord).opened();
  client.identify();
  await client.dispatch("GUILD_CREATE");
  return client;
}

/** The dispatches that a client got after READY and its first GUILD_CREATE. */
function dispatchesOf(client: RawClient): [string | null, Record<string, unknown>][] {
  return client.received
    .filter(({ op }) => op === 0)
    .slice(2)
    .map(({ t, d }) => [t, asObject(d)]);
}

async function stateFile(): Promise<string> {
  return `${await mkdtemp(`${tmpdir()}/local-discord-`)}/state.json`;
}

describe("the control API", () => {
  it("returns the whole state", async () => {
    const discord = await startForTest();
    await identified(discord);
    const body = { userId: "any_User-1", channelId: LOBBY, selfMute: true };
    expect(await control(discord, "POST", "/voice", body)).toEqual({ ok: true });
    const state = await control(discord, "GET", "/state");
    expect(state).toMatchObject({
      guilds: [{ id: GUILD, name: "Local guild" }],
      channels: [{ type: 4 }, { id: TEXT_CHANNEL, type: 0 }, { id: LOBBY, name: "Lobby", type: 2 }],
      voiceStates: [{ ...body, guildId: GUILD, user_id: "any_User-1", self_mute: true }],
      gateway: { connected: true, identifies: 1, resumes: 0, seq: 3 },
    });
    expect(JSON.stringify(state["users"])).toContain("player-1");
  });

  it("dispatches each change once, and nothing for a call that changes nothing", async () => {
    const discord = await startForTest();
    const client = await identified(discord);
    const join = { userId: PLAYER, channelId: LOBBY };
    for (const body of [{ ...join, channelId: null }, join, join, { ...join, selfMute: false }]) {
      await control(discord, "POST", "/voice", body);
    }
    const { id } = await control(discord, "POST", "/channels", { name: "By hand" });
    await control(discord, "DELETE", `/channels/${String(id)}`);
    await vi.waitUntil(() => dispatchesOf(client).length >= 3, SOON);
    expect(dispatchesOf(client)).toMatchObject([
      ["VOICE_STATE_UPDATE", { user_id: PLAYER, channel_id: LOBBY }],
      ["CHANNEL_CREATE", { id, name: "By hand", type: 2 }],
      ["CHANNEL_DELETE", { id }],
    ]);
  });

  it("adds a guild, moves a user between guilds, and removes the bot again", async () => {
    const discord = await startForTest();
    const client = await identified(discord);
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const { id: guildId } = await control(discord, "POST", "/guilds", { name: "Second" });
    const { id } = await control(discord, "POST", "/channels", { name: "There", guildId });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: id });
    const availability = `/guilds/${String(guildId)}/availability`;
    await control(discord, "POST", availability, { available: false });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: null });
    await control(discord, "POST", availability, { available: true });
    await control(discord, "DELETE", `/guilds/${String(guildId)}`);
    await vi.waitUntil(() => dispatchesOf(client).length >= 8, SOON);
    expect(dispatchesOf(client)).toMatchObject([
      ["VOICE_STATE_UPDATE", { guild_id: GUILD, channel_id: LOBBY }],
      ["GUILD_CREATE", { id: guildId, name: "Second", voice_states: [] }],
      ["CHANNEL_CREATE", { id, guild_id: guildId }],
      ["VOICE_STATE_UPDATE", { guild_id: GUILD, channel_id: null }],
      ["VOICE_STATE_UPDATE", { guild_id: guildId, channel_id: id }],
      ["GUILD_DELETE", { id: guildId, unavailable: true }],
      // During its outage the guild sent no events: the bot sees only now that the user left.
      ["GUILD_CREATE", { id: guildId, voice_states: [] }],
      ["GUILD_DELETE", { id: guildId }],
    ]);
  });

  it("says once that the bot was removed, when a guild without the bot is deleted", async () => {
    const discord = await startForTest();
    const client = await identified(discord);
    const { id: guildId } = await control(discord, "POST", "/guilds", { name: "Second" });
    await control(discord, "POST", "/members", { userId: BOT, guildId, member: false });
    await control(discord, "DELETE", `/guilds/${String(guildId)}`);
    await control(discord, "POST", "/channels", { name: "Later" });
    await vi.waitUntil(() => client.events().includes("CHANNEL_CREATE"), SOON);
    expect(dispatchesOf(client)).toMatchObject([
      ["GUILD_CREATE", { id: guildId }],
      ["GUILD_DELETE", { id: guildId }],
      ["CHANNEL_CREATE", { name: "Later" }],
    ]);
    expect((await control(discord, "GET", "/state"))["guilds"]).toHaveLength(1);
  });

  it.each([
    [false, ["CHANNEL_DELETE"]],
    [true, ["VOICE_STATE_UPDATE", "CHANNEL_DELETE"]],
  ])("empties a deleted channel (voice updates: %s)", async (voiceUpdatesOnDelete, events) => {
    const discord = await startForTest({ voiceUpdatesOnDelete });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const client = await identified(discord);
    await control(discord, "DELETE", `/channels/${LOBBY}`);
    await vi.waitUntil(() => client.events().includes("CHANNEL_DELETE"), SOON);
    expect(dispatchesOf(client).map(([event]) => event)).toEqual(events);
    expect((await control(discord, "GET", "/state"))["voiceStates"]).toEqual([]);
  });

  it("does the work and loses the answer, exactly as often as it was set", async () => {
    const discord = await startForTest();
    const create = (name: string): ReturnType<typeof call> =>
      call(discord, "POST", `/guilds/${GUILD}/channels`, { body: { name, type: 2 } });
    const lost = { times: 1, afterEffect: true };
    await control(discord, "POST", "/rest", { ...lost, status: 0 });
    await expect(create("made and cut")).rejects.toThrow("fetch failed");
    await control(discord, "POST", "/rest", { ...lost, status: 500 });
    expect((await create("made and failed")).status).toBe(500);
    await control(discord, "POST", "/rest", { status: 503, times: 2 });
    expect((await create("not made")).status).toBe(503);
    await control(discord, "POST", "/rest", { times: 0 });
    expect((await create("made")).status).toBe(201);
    const names = JSON.stringify((await control(discord, "GET", "/state"))["channels"]);
    expect(
      ["made and cut", "made and failed", "not made", "made"].map((name) =>
        names.includes(`"${name}"`),
      ),
    ).toEqual([true, true, false, true]);
  });

  it("breaks only the calls of its target, after `skip` calls that work", async () => {
    const discord = await startForTest();
    const create = async (name: string): Promise<number> =>
      (await call(discord, "POST", `/guilds/${GUILD}/channels`, { body: { name } })).status;
    const move = (): ReturnType<typeof call> =>
      call(discord, "PATCH", `/guilds/${GUILD}/members/${PLAYER}`, { body: { channel_id: LOBBY } });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const channels = { method: "POST", path: "/guilds/:guildId/channels" };
    const members = { method: "PATCH", path: "/guilds/:guildId/members/:userId" };
    const second = { ...channels, status: 500, times: 1, skip: 1, afterEffect: true };
    await control(discord, "POST", "/rest", second);
    await control(discord, "POST", "/rest", { ...members, status: 403, times: 1, code: 50_013 });
    expect((await call(discord, "GET", `/guilds/${GUILD}/channels`)).status).toBe(200);
    expect([await create("one"), await create("two"), await create("three")]).toEqual([
      201, 500, 201,
    ]);
    const refused = { status: 403, body: { code: 50_013, message: "Missing Permissions" } };
    expect(await move()).toMatchObject(refused);
    expect((await move()).status).toBe(200);
    expect(JSON.stringify(await control(discord, "GET", "/state"))).toContain('"two"');

    const overloaded = {
      path: "/channels/*",
      status: 503,
      times: 9,
      code: 130_000,
      message: "Busy",
    };
    await control(discord, "POST", "/rest", overloaded);
    const read = async (path: string): Promise<unknown> => {
      const { status, body } = await call(discord, "GET", path);
      return body["code"] ?? status;
    };
    expect(await read(`/channels/${LOBBY}`)).toBe(130_000);
    expect(await read(`/channels/${LOBBY}/nothing`)).toBe(130_000);
    expect(await read(`/guilds/${GUILD}`)).toBe(200);
    await control(discord, "POST", "/rest", { path: "/channels/*", times: 0 });
    expect(await read(`/channels/${LOBBY}`)).toBe(200);
  });

  it("lists every REST call with its status", async () => {
    const discord = await startForTest();
    await call(discord, "GET", `/channels/${LOBBY}?with=query`);
    await control(discord, "POST", "/rest", { status: 0, times: 1 });
    await expect(call(discord, "DELETE", `/channels/${LOBBY}`)).rejects.toThrow("fetch failed");
    await control(discord, "POST", "/rest", { status: 429, times: 1 });
    await call(discord, "GET", "/users/@me");
    await call(discord, "GET", "/users/@me", { headers: { authorization: "" } });
    const at = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await new DiscordControl(discord).calls()).toEqual([
      { n: 1, at, method: "GET", path: `/channels/${LOBBY}`, status: 200 },
      { n: 2, at, method: "DELETE", path: `/channels/${LOBBY}`, status: 0 },
      { n: 3, at, method: "GET", path: "/users/@me", status: 429 },
      { n: 4, at, method: "GET", path: "/users/@me", status: 401 },
    ]);
  });

  it("lets users leave and return, and renames them", async () => {
    const discord = await startForTest();
    const client = await identified(discord);
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    await control(discord, "POST", "/members", { userId: PLAYER, member: false });
    await control(discord, "POST", "/members", { userId: PLAYER, member: true });
    const name = { globalName: "<b>One</b>", bot: true };
    expect(await control(discord, "POST", `/users/${PLAYER}`, name)).toMatchObject(name);
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    await vi.waitUntil(() => dispatchesOf(client).length >= 3, SOON);
    // Without the intent GUILD_MEMBERS the client gets no more events than these.
    expect(dispatchesOf(client)).toMatchObject([
      ["VOICE_STATE_UPDATE", { user_id: PLAYER, channel_id: LOBBY }],
      ["VOICE_STATE_UPDATE", { user_id: PLAYER, channel_id: null }],
      [
        "VOICE_STATE_UPDATE",
        { channel_id: LOBBY, member: { user: { global_name: "<b>One</b>", bot: true } } },
      ],
    ]);
  });

  it("kicks the bot and lets it return to a guild that has changed", async () => {
    const discord = await startForTest();
    const client = await identified(discord);
    const kick = (member: boolean) => control(discord, "POST", "/members", { userId: BOT, member });
    const read = async (path: string): Promise<unknown> => {
      const { status, body } = await call(discord, "GET", path);
      return [status, body["code"]];
    };
    await kick(false);
    await kick(false);
    const { id } = await control(discord, "POST", "/channels", { name: "Meanwhile" });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: id });
    expect(await read(`/guilds/${GUILD}`)).toEqual([404, 10_004]);
    expect(await read(`/guilds/${GUILD}/channels`)).toEqual([403, 50_001]);
    expect(await read(`/channels/${LOBBY}`)).toEqual([403, 50_001]);
    expect(await read(`/applications/${BOT}/guilds/${GUILD}/commands`)).toEqual([403, 50_001]);
    const stranger = await new RawClient(discord).opened();
    stranger.identify();
    expect((await stranger.dispatch("READY"))["guilds"]).toEqual([]);
    await kick(true);
    await vi.waitUntil(() => dispatchesOf(client).length >= 2, SOON);
    expect(dispatchesOf(client)).toMatchObject([
      ["GUILD_DELETE", { id: GUILD }],
      ["GUILD_CREATE", { id: GUILD, voice_states: [{ user_id: PLAYER, channel_id: id }] }],
    ]);
    expect(dispatchesOf(client)[0]?.[1]).not.toHaveProperty("unavailable");
    expect(JSON.stringify(dispatchesOf(client)[1])).toContain("Meanwhile");
    expect(await read(`/channels/${LOBBY}`)).toEqual([200, undefined]);
  });

  it("drops, repeats and changes events until the fault is cleared", async () => {
    const discord = await startForTest();
    const merge = { channels: [{ id: "1" }], voice_states: null, name: "Odd" };
    await control(discord, "POST", "/events", { event: "GUILD_CREATE", merge });
    const client = await identified(discord);
    const guild = await client.dispatch("GUILD_CREATE");
    expect(guild).toMatchObject({ name: "Odd", voice_states: null });
    expect(guild["channels"]).toMatchObject([{}, {}, { id: LOBBY }, { id: "1" }]);
    const make = async (): Promise<void> => {
      await control(discord, "POST", "/channels", { name: "x" });
    };
    for (const copies of [0, 2, 1]) {
      await control(discord, "POST", "/events", { event: "CHANNEL_CREATE", copies });
      await make();
    }
    await control(discord, "DELETE", `/channels/${LOBBY}`);
    await client.dispatch("CHANNEL_DELETE");
    const made = dispatchesOf(client).flatMap(([event, { id }]) =>
      event === "CHANNEL_CREATE" ? [id] : [],
    );
    expect(made).toHaveLength(3);
    expect(made[0]).toBe(made[1]);
    expect(made[1]).not.toBe(made[2]);
    const numbers = client.received.flatMap(({ s }) => (s === null ? [] : [s]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it("answers like a proxy, with a Retry-After of any form, or with any given body", async () => {
    const discord = await startForTest();
    const date = "Wed, 21 Oct 2026 07:28:00 GMT";
    const limited = { status: 429, times: 1 };
    const faults: Record<string, unknown>[] = [
      { ...limited, html: true, retryAfter: date },
      { ...limited, html: true, retryAfter: null },
      { ...limited, retryAfter: 3_600 },
      { status: 200, times: 1, body: [{ id: "odd" }] },
    ];
    const seen = [];
    for (const fault of faults) {
      await control(discord, "POST", "/rest", fault);
      const { status, headers, body } = await call(discord, "GET", `/guilds/${GUILD}/channels`);
      const limit = headers.get("x-ratelimit-limit");
      seen.push({ status, body, wait: headers.get("retry-after"), limited: limit !== null });
    }
    const page = { text: expect.stringContaining("<h1>Error 429</h1>") };
    expect(seen).toMatchObject([
      { status: 429, body: page, wait: date, limited: false },
      { status: 429, body: page, wait: null, limited: false },
      { status: 429, body: { retry_after: 3_600, global: false }, wait: "3600", limited: true },
      { status: 200, body: { 0: { id: "odd" } }, limited: false },
    ]);
  });

  it.each<[string, string, unknown]>([
    ["/members", "guildId: there is no guild 1", { userId: "u", member: false, guildId: "1" }],
    ["/members", "the owner stays", { userId: "100000000000000200", member: false }],
    [`/users/${BOT}`, "there is no such person", { acceptsDirectMessages: false }],
    ["/users/u", "acceptsDirectMessages:", { acceptsDirectMessages: "no" }],
    ["/interactions", "userId:", { command: "link" }],
    ["/rest", "method:", { times: 1, method: "HEAD" }],
    ["/rest", "path:", { times: 1, path: "channels" }],
    ["/voice", "channelId: there is no voice channel 1", { userId: "u", channelId: "1" }],
    ["/voice", "there is no voice channel", { userId: "u", channelId: TEXT_CHANNEL }],
    ["/voice", "userId: 1 to 64 letters", { userId: "a b", channelId: null }],
    ["/voice", "userId: 1 to 64 letters", { userId: "x".repeat(65), channelId: null }],
    ["/voice", "channelId:", { userId: "u" }],
    ["/channels", "name:", { name: " " }],
    ["/channels", "guildId: there is no guild 1", { name: "x", guildId: "1" }],
    ["/guilds", "name:", {}],
    ["/permissions", "permissions: a bit set", { permissions: "all" }],
    ["/gateway", "action:", { action: "explode" }],
    ["/gateway", "code:", { action: "drop", code: 1006 }],
    ["/gateway", "ms:", { action: "zombie", ms: -1 }],
    ["/rest", "times:", { status: 500 }],
    ["/rest", "status:", { status: 99, times: 1 }],
    ["/rest", "retryAfter:", { status: 429, times: 1, retryAfter: "1\r\nx: y" }],
    ["/events", "event:", { event: "guild create" }],
    ["/events", "copies:", { event: "GUILD_CREATE", copies: -1 }],
    ["/rest", "the body is not JSON", undefined],
  ])("answers 400 on %s with %s", async (path, message, body) => {
    const { url } = await startForTest();
    const sent = body === undefined ? "{" : JSON.stringify(body);
    const response = await fetch(`${url}/_control${path}`, { method: "POST", body: sent });
    expect(response.status).toBe(400);
    expect(asObject(await response.json())["error"]).toContain(message);
  });

  it("answers 404 for an unknown channel, guild or path", async () => {
    const { url } = await startForTest();
    for (const path of ["/channels/1", "/guilds/1", "/nothing"]) {
      expect((await fetch(`${url}/_control${path}`, { method: "DELETE" })).status).toBe(404);
    }
  });

  it("accepts pages of this machine only", async () => {
    const { url } = await startForTest();
    const from = (origin: string, method = "GET"): Promise<Response> =>
      fetch(`${url}/_control/state`, {
        method,
        headers: { origin, "access-control-request-method": "POST" },
      });
    for (const origin of ["http://127.0.0.1:8787", "http://localhost:5173"]) {
      const allowed = (await from(origin, "OPTIONS")).headers.get("access-control-allow-origin");
      expect(allowed).toBe(origin);
      expect((await from(origin)).status).toBe(200);
    }
    for (const origin of ["https://127.0.0.1.evil.test", "http://evil.test", "null"]) {
      expect((await from(origin)).status).toBe(403);
    }
  });
});

describe("a local Discord as a process", () => {
  it("keeps its state over a restart", async () => {
    const file = await stateFile();
    const first = await startForTest({ stateFile: file });
    const reason = {
      headers: { "x-audit-log-reason": "why%20not" },
      body: { name: "Kept", type: 2 },
    };
    const { body: made } = await call(first, "POST", `/guilds/${GUILD}/channels`, reason);
    await control(first, "POST", "/voice", { userId: PLAYER, channelId: made["id"] });
    await call(first, "POST", `/channels/${LOBBY}/invites`, { body: {} });
    const commands = `/applications/${BOT}/commands`;
    await call(first, "PUT", commands, { body: [{ name: "link", description: "Links" }] });
    await call(first, "POST", `/channels/${LOBBY}/messages`, { body: { content: "hello" } });
    const before = await control(first, "GET", "/state");
    await first.close();
    const second = await startForTest({ stateFile: file });
    expect(await control(second, "GET", "/state")).toEqual(before);
    expect((await call(second, "GET", commands)).body).toMatchObject({ 0: { name: "link" } });
    expect(await new DiscordControl(second).messages()).toMatchObject([{ content: "hello" }]);
    const log = await call(second, "GET", `/guilds/${GUILD}/audit-logs?action_type=10`);
    expect(log.body["audit_log_entries"]).toMatchObject([
      { target_id: made["id"], reason: "why not" },
    ]);
  });

  it("adds another primary guild to the saved ones", async () => {
    const file = await stateFile();
    await (await startForTest({ stateFile: file })).close();
    const other = await startForTest({ stateFile: file, primaryGuildId: "100000000000000002" });
    await control(other, "POST", "/channels", { name: "Here" });
    const { guilds } = await control(other, "GET", "/state");
    expect(guilds).toMatchObject([{ id: GUILD }, { id: "100000000000000002" }]);
  });

  it("does not start with an invalid state file or on a port in use", async () => {
    const file = await stateFile();
    for (const content of ["{", "{}"]) {
      await writeFile(file, content);
      const started = startLocalDiscord({ port: 0, botToken: TOKEN, stateFile: file });
      await expect(started).rejects.toThrow(/state|can't be read/);
    }
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    onTestFinished(() => void taken.close());
    const port = Number(Object(taken.address()).port);
    await expect(startLocalDiscord({ port, botToken: TOKEN })).rejects.toThrow("EADDRINUSE");
  });

  it("starts with its variables, names an invalid one, and saves its state at the end", async () => {
    const file = await stateFile();
    const run = (variables: Record<string, string>): ReturnType<typeof spawn> =>
      spawn(process.execPath, [`${import.meta.dirname}/main.ts`], {
        env: { ...process.env, DISCORD_PORT: "0", ...variables },
        stdio: ["ignore", "pipe", "pipe"],
      });
    const output = async (child: ReturnType<typeof spawn>, wanted: RegExp): Promise<string> => {
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
      }
      onTestFinished(() => void child.kill("SIGKILL"));
      await vi.waitUntil(() => wanted.test(text), SOON);
      return text;
    };
    await output(run({ DISCORD_BOT_TOKEN: "" }), /DISCORD_BOT_TOKEN is missing/);
    await output(
      run({ DISCORD_BOT_TOKEN: "x", PRIMARY_GUILD_ID: "abc" }),
      /PRIMARY_GUILD_ID is not/,
    );
    for (const variable of ["INTERACTIONS_URL", "OAUTH_REDIRECT_URIS"]) {
      await output(run({ DISCORD_BOT_TOKEN: "x", [variable]: "ftp://x" }), /"ftp:\/\/x" is none/);
    }
    const child = run({ DISCORD_BOT_TOKEN: TOKEN, STATE_FILE: file });
    const url = /Ready on (\S+)/.exec(await output(child, /Ready on \S+\n/))?.[1] ?? "";
    const discord = { url, close: () => Promise.resolve() };
    expect(await (await fetch(url)).text()).toContain("local Discord");
    await control(discord, "POST", "/channels", { name: "Saved" });
    child.kill("SIGTERM");
    const [code]: unknown[] = await once(child, "exit");
    expect(code).toBe(0);
    expect(await readFile(file, "utf8")).toContain("Saved");
  });
});
