import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import {
  CompressionMethod,
  type CreateWebSocketManagerOptions,
  type SessionInfo,
  WebSocketManager,
  WebSocketShardEvents,
} from "@discordjs/ws";
import { REST } from "@discordjs/rest";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LOBBY } from "./seed.ts";
import { SOON } from "../../src/testing/soon.ts";
import type { LocalDiscord } from "./local-discord.ts";
import { control } from "../doubles/control.ts";
import { asObject, GUILD, INTENTS, PLAYER, startForTest, TOKEN } from "./test-client.ts";

interface Bot {
  readonly manager: WebSocketManager;
  readonly dispatches: { t: string; s: number; d: Record<string, unknown> }[];
  readonly closes: number[];
  readonly resumed: () => number;
  readonly ready: () => number;
  readonly beats: () => number;
  readonly errors: unknown[];
}

/** An unchanged `@discordjs/ws` that connects to the local Discord. */
function botOn({ url }: LocalDiscord, options: Partial<CreateWebSocketManagerOptions> = {}): Bot {
  const rest = new REST({ version: "10", api: `${url}/api` }).setToken(TOKEN);
  const manager = new WebSocketManager({
    token: TOKEN,
    intents: INTENTS,
    rest,
    // The library's own throttle waits 5 s. In these tests the local Discord has no interval either.
    buildIdentifyThrottler: () => ({ waitForIdentify: () => Promise.resolve() }),
    ...options,
  });
  const dispatches: Bot["dispatches"] = [];
  const closes: number[] = [];
  const errors: unknown[] = [];
  const counts = { resumed: 0, ready: 0, beats: 0 };
  manager.on(WebSocketShardEvents.Dispatch, ({ t, s, d }) => {
    dispatches.push({ t, s, d: asObject(d) });
  });
  manager.on(WebSocketShardEvents.Closed, (code) => closes.push(code));
  manager.on(WebSocketShardEvents.Resumed, () => (counts.resumed += 1));
  manager.on(WebSocketShardEvents.Ready, () => (counts.ready += 1));
  manager.on(WebSocketShardEvents.HeartbeatComplete, () => (counts.beats += 1));
  manager.on(WebSocketShardEvents.Error, (error) => errors.push(error));
  onTestFinished(() => manager.destroy());
  return {
    manager,
    dispatches,
    closes,
    errors,
    resumed: () => counts.resumed,
    ready: () => counts.ready,
    beats: () => counts.beats,
  };
}

const named = (bot: Bot, event: string): Record<string, unknown>[] =>
  bot.dispatches.filter(({ t }) => t === event).map(({ d }) => d);

const join = (discord: LocalDiscord, userId: string, channelId: string | null): Promise<unknown> =>
  control(discord, "POST", "/voice", { userId, channelId });

describe("@discordjs/ws on the local Discord", () => {
  it("gets READY, the complete guild, then its events", async () => {
    const discord = await startForTest();
    await join(discord, PLAYER, LOBBY);
    const bot = botOn(discord);
    await bot.manager.connect();
    await vi.waitUntil(() => named(bot, "GUILD_CREATE").length === 1, SOON);
    expect(named(bot, "READY")).toMatchObject([
      {
        v: 10,
        user: { username: "guildhub", bot: true },
        guilds: [{ id: GUILD, unavailable: true }],
        resume_gateway_url: discord.url.replace("http", "ws"),
      },
    ]);
    const [guild] = named(bot, "GUILD_CREATE");
    expect(guild).toMatchObject({
      id: GUILD,
      unavailable: false,
      voice_states: [{ user_id: PLAYER, channel_id: LOBBY }],
    });
    expect(JSON.stringify([guild?.["channels"], guild?.["voice_states"]])).not.toContain(
      "guild_id",
    );

    const { id } = await control(discord, "POST", "/channels", { name: "By hand" });
    await join(discord, PLAYER, String(id));
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: id, selfMute: true });
    await join(discord, PLAYER, null);
    await control(discord, "DELETE", `/channels/${String(id)}`);
    await vi.waitUntil(() => named(bot, "CHANNEL_DELETE").length === 1, SOON);
    expect(named(bot, "CHANNEL_CREATE")).toMatchObject([{ id, name: "By hand", guild_id: GUILD }]);
    const member = { user: { id: PLAYER, username: "player-1" } };
    expect(named(bot, "VOICE_STATE_UPDATE")).toMatchObject([
      { guild_id: GUILD, channel_id: id, user_id: PLAYER, self_mute: false, member },
      { guild_id: GUILD, channel_id: id, user_id: PLAYER, self_mute: true, member },
      { guild_id: GUILD, channel_id: null, user_id: PLAYER, member },
    ]);
    const seqs = bot.dispatches.map(({ s }) => s);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  });

  it("loses no event over a cut connection, a close code and op 7", async () => {
    const discord = await startForTest();
    const bot = botOn(discord);
    await bot.manager.connect();
    const users = ["a", "b", "c"].map((name) => `user-${name}`);
    const disturbances = [
      { action: "drop" },
      { action: "drop", code: 4000 },
      { action: "reconnect" },
    ];
    for (const [index, disturbance] of disturbances.entries()) {
      await control(discord, "POST", "/gateway", disturbance);
      await join(discord, users[index] ?? "", LOBBY);
      await vi.waitUntil(() => bot.resumed() === index + 1, SOON);
    }
    expect(named(bot, "VOICE_STATE_UPDATE").map((d) => d["user_id"])).toEqual(users);
    expect(bot.ready()).toBe(1);
    const { gateway } = await control(discord, "GET", "/state");
    expect(gateway).toMatchObject({ connected: true, identifies: 1, resumes: 3 });
  });

  it("identifies again after op 9 with false, and resumes after op 9 with true", async () => {
    const discord = await startForTest();
    const bot = botOn(discord);
    await bot.manager.connect();
    await control(discord, "POST", "/gateway", { action: "invalidate", resumable: true });
    await vi.waitUntil(() => bot.resumed() === 1, SOON);
    await control(discord, "POST", "/gateway", { action: "invalidate" });
    await vi.waitUntil(() => bot.ready() === 2, SOON);
    const sessions = named(bot, "READY").map((d) => d["session_id"]);
    expect(new Set(sessions).size).toBe(2);
  });

  it.each([
    ["zlib-stream", { compression: CompressionMethod.ZlibNative }],
    ["compressed payloads", { useIdentifyCompression: true }],
  ])("understands %s", async (_, options) => {
    const discord = await startForTest();
    const bot = botOn(discord, options);
    await bot.manager.connect();
    // Many frames for the shared context, and long enough that single payloads are compressed.
    const names = Array.from({ length: 30 }, (__, n) => `${"room ".repeat(15)}${n}`);
    for (const name of names) await control(discord, "POST", "/channels", { name });
    await vi.waitUntil(() => named(bot, "CHANNEL_CREATE").length === names.length, SOON);
    expect(named(bot, "CHANNEL_CREATE").map((d) => d["name"])).toEqual(names);
    expect(bot.errors).toEqual([]);
    await control(discord, "POST", "/gateway", { action: "drop" });
    await vi.waitUntil(() => bot.resumed() === 1, SOON);
  });

  it("notices a silent connection by its missing acks, and resumes on another one", async () => {
    const discord = await startForTest({ heartbeatIntervalMs: 800 });
    const bot = botOn(discord);
    await bot.manager.connect();
    await vi.waitUntil(() => bot.beats() >= 2, SOON);
    await control(discord, "POST", "/gateway", { action: "zombie" });
    await join(discord, PLAYER, LOBBY);
    expect(named(bot, "VOICE_STATE_UPDATE")).toEqual([]);
    await vi.waitUntil(() => bot.resumed() === 1, SOON);
    expect(named(bot, "VOICE_STATE_UPDATE")).toMatchObject([{ user_id: PLAYER }]);
    expect(bot.closes).toContain(4200);
  });

  it("resumes over a restart of the local Discord, with the missed events", async () => {
    const stateFile = `${await mkdtemp(`${tmpdir()}/local-discord-`)}/state.json`;
    const first = await startForTest({ stateFile });
    const port = Number(new URL(first.url).port);
    let session: SessionInfo | null = null;
    const bot = botOn(first, {
      retrieveSessionInfo: () => session,
      updateSessionInfo: (_, info) => {
        session = info;
      },
    });
    await bot.manager.connect();
    await control(first, "POST", "/gateway", { action: "outage" });
    await join(first, PLAYER, LOBBY);
    await first.close();
    const second = await startForTest({ stateFile, port });
    await vi.waitUntil(() => bot.resumed() === 1, SOON);
    expect(named(bot, "VOICE_STATE_UPDATE")).toMatchObject([
      { user_id: PLAYER, channel_id: LOBBY },
    ]);
    const { voiceStates, gateway } = await control(second, "GET", "/state");
    expect(voiceStates).toMatchObject([{ userId: PLAYER, channelId: LOBBY }]);
    expect(gateway).toMatchObject({ identifies: 1, resumes: 1 });
  });

  it("is refused for a wrong token or wrong intents", async () => {
    const discord = await startForTest();
    const privileged = botOn(discord, { intents: INTENTS | (1 << 1) });
    await expect(privileged.manager.connect()).rejects.toThrow("Used disallowed intents");
    expect(privileged.closes).toEqual([4014]);
    const stranger = botOn(discord, { token: "another-token" });
    await expect(stranger.manager.connect()).rejects.toThrow("Authentication failed");
    expect(stranger.closes).toEqual([4004]);
  });
});
