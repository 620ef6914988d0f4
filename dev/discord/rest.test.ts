import { AuditLogEvent, ChannelType, OverwriteType, Routes } from "discord-api-types/v10";
import { DiscordAPIError, HTTPError, RateLimitError, REST } from "@discordjs/rest";
import { describe, expect, it } from "vitest";
import { LOBBY } from "./seed.ts";
import type { LocalDiscord } from "./local-discord.ts";
import { DiscordControl } from "./control-client.ts";
import { control } from "../doubles/control.ts";
import {
  asObject,
  BOT,
  CATEGORY,
  GUILD,
  PLAYER,
  startForTest,
  TEXT_CHANNEL,
  TOKEN,
} from "./test-client.ts";

/** An unchanged `@discordjs/rest` that calls the local Discord. */
function restOf({ url }: LocalDiscord, options: ConstructorParameters<typeof REST>[0] = {}): REST {
  return new REST({ version: "10", api: `${url}/api`, ...options }).setToken(TOKEN);
}

const SECOND = "100000000000000302";
const PRIVATE = { view: 1 << 10, connect: 1 << 20, speak: 1 << 21 };

describe("@discordjs/rest on the local Discord", () => {
  it("creates, reads, changes and deletes a voice channel", async () => {
    const rest = restOf(await startForTest());
    const created = asObject(
      await rest.post(Routes.guildChannels(GUILD), {
        body: {
          name: "Room One",
          type: ChannelType.GuildVoice,
          user_limit: 4,
          parent_id: CATEGORY,
          permission_overwrites: [
            { id: GUILD, type: OverwriteType.Role, deny: String(PRIVATE.view | PRIVATE.connect) },
            { id: BOT, type: OverwriteType.Member, allow: String(PRIVATE.view | PRIVATE.connect) },
          ],
        },
        reason: "made for the tést ✓",
      }),
    );
    const id = String(created["id"]);
    expect(created).toMatchObject({
      name: "Room One",
      type: 2,
      user_limit: 4,
      guild_id: GUILD,
      parent_id: CATEGORY,
      permission_overwrites: [
        { id: GUILD, type: 0, allow: "0", deny: "1049600" },
        { id: BOT, type: 1, allow: "1049600", deny: "0" },
      ],
    });
    expect(await rest.get(Routes.channel(id))).toEqual(created);
    const renamed = await rest.patch(Routes.channel(id), { body: { name: "Room Two" } });
    expect(renamed).toEqual({ ...created, name: "Room Two" });
    const log = await rest.get(Routes.guildAuditLog(GUILD), {
      query: new URLSearchParams({ action_type: String(AuditLogEvent.ChannelCreate), limit: "5" }),
    });
    expect(log).toMatchObject({
      audit_log_entries: [
        { target_id: id, user_id: BOT, action_type: 10, reason: "made for the tést ✓" },
      ],
      users: [{ id: BOT, bot: true }],
    });
    expect(await rest.delete(Routes.channel(id))).toEqual(renamed);
    await expect(rest.get(Routes.channel(id))).rejects.toMatchObject({
      status: 404,
      code: 10_003,
    });
  });

  it("names every field of an invalid form", async () => {
    const rest = restOf(await startForTest());
    const error: unknown = await rest
      .post(Routes.guildChannels(GUILD), {
        body: { name: "", type: 2, user_limit: 100, bitrate: 1.5, parent_id: "1" },
      })
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(DiscordAPIError);
    expect(error).toMatchObject({
      status: 400,
      code: 50_035,
      rawError: {
        errors: {
          name: { _errors: [{ code: "BASE_TYPE_BAD_LENGTH" }] },
          user_limit: { _errors: [{ code: "NUMBER_TYPE_MAX" }] },
          bitrate: { _errors: [{ code: "NUMBER_TYPE_COERCE" }] },
          parent_id: { _errors: [{ code: "NUMBER_TYPE_COERCE" }] },
        },
      },
    });
    // The library turns that structure into one line per field.
    expect(String(error)).toContain("user_limit[NUMBER_TYPE_MAX]");
  });

  it("waits after a 429 of the route and of the bot, and reports one of a shared resource", async () => {
    const discord = await startForTest();
    const waits: object[] = [];
    const rest = restOf(discord, {
      // Called before each wait.
      rejectOnRateLimit: ({ scope, global, retryAfter }) => {
        waits.push({ scope, global, retryAfter });
        return false;
      },
    });
    for (const scope of ["user", "global"]) {
      waits.length = 0;
      await control(discord, "POST", "/rest", { status: 429, times: 1, retryAfter: 0.2, scope });
      expect(await rest.get(Routes.channel(LOBBY))).toMatchObject({ id: LOBBY });
      // The header has whole seconds, and the library adds 50 ms.
      expect(waits[0]).toEqual({ scope, global: scope === "global", retryAfter: 1_050 });
    }
    await control(discord, "POST", "/rest", { status: 429, times: 1, scope: "shared" });
    const impatient = restOf(discord, { rejectOnRateLimit: () => true });
    const refused: unknown = await impatient
      .get(Routes.channel(LOBBY))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused).toMatchObject({ scope: "shared", global: false, retryAfter: 1_050 });
  });

  it("follows the announced buckets and is never refused", async () => {
    const rest = restOf(await startForTest());
    const limited: number[] = [];
    const refused: number[] = [];
    rest.on("rateLimited", ({ limit }) => limited.push(limit));
    rest.on("response", (_, { status }) => refused.push(...(status === 429 ? [status] : [])));
    const sent = Array.from({ length: 6 }, (_, n) =>
      rest.post(Routes.channelMessages("100000000000000011"), { body: { content: `hello ${n}` } }),
    );
    expect(await Promise.all(sent)).toHaveLength(6);
    expect({ limited, refused }).toEqual({ limited: [5], refused: [] });
  });

  it("retries a 500, fails after a cut connection, and stops at a wrong token", async () => {
    const discord = await startForTest();
    const rest = restOf(discord);
    await control(discord, "POST", "/rest", { status: 500, times: 2 });
    expect(await rest.get(Routes.user("@me"))).toMatchObject({ id: BOT, bot: true });
    const once = restOf(discord, { retries: 0 });
    await control(discord, "POST", "/rest", { status: 503, times: 1 });
    await expect(once.get(Routes.user())).rejects.toBeInstanceOf(HTTPError);
    await control(discord, "POST", "/rest", { status: 0, times: 1 });
    await expect(once.get(Routes.user())).rejects.toThrow();
    const stranger = restOf(discord).setToken("another-token");
    await expect(stranger.get(Routes.user())).rejects.toMatchObject({ status: 401, code: 0 });
  });

  it("accepts 50 channels in a category and not one more", async () => {
    const discord = await startForTest();
    const rest = restOf(discord);
    const put = async (): Promise<unknown> => {
      const { id } = await control(discord, "POST", "/channels", { name: "room" });
      const body = { parent_id: CATEGORY };
      // The second call checks that a channel which is already inside does not count against the limit.
      await rest.patch(Routes.channel(String(id)), { body });
      return rest.patch(Routes.channel(String(id)), { body });
    };
    for (let n = 0; n < 50; n += 1) await put();
    await expect(put()).rejects.toThrow("Maximum number of channels in category reached (50)");
  });

  it("creates invites, and returns an equal invite again unless a unique one is requested", async () => {
    const rest = restOf(await startForTest());
    const invite = async (body: object): Promise<Record<string, unknown>> =>
      asObject(await rest.post(Routes.channelInvites(LOBBY), { body }));
    const first = await invite({});
    expect(first).toMatchObject({
      type: 0,
      max_age: 86_400,
      max_uses: 0,
      uses: 0,
      temporary: false,
      channel: { id: LOBBY, name: "Lobby", type: 2 },
      guild: { id: GUILD },
      inviter: { id: BOT },
    });
    const expiresAt = Date.parse(String(first["expires_at"]));
    expect(expiresAt - Date.now()).toBeGreaterThan(86_000_000);
    expect((await invite({}))["code"]).toBe(first["code"]);
    expect((await invite({ unique: true }))["code"]).not.toBe(first["code"]);
    expect((await invite({ max_age: 0, max_uses: 3 }))["expires_at"]).toBeNull();
    await expect(invite({ max_age: 604_801 })).rejects.toMatchObject({ code: 50_035 });
  });

  it("moves and kicks only a user who is in voice", async () => {
    const discord = await startForTest();
    const rest = restOf(discord);
    const move = (channelId: string | null): Promise<unknown> =>
      rest.patch(Routes.guildMember(GUILD, PLAYER), { body: { channel_id: channelId } });
    const state = (): Promise<unknown> => rest.get(Routes.guildVoiceState(GUILD, PLAYER));
    await expect(move(LOBBY)).rejects.toMatchObject({ status: 400, code: 40_032 });
    await expect(state()).rejects.toMatchObject({ status: 404, code: 10_065 });
    const { id } = await control(discord, "POST", "/channels", { name: "Second" });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    expect(await move(String(id))).toMatchObject({ user: { id: PLAYER, username: "player-1" } });
    expect(await state()).toMatchObject({ user_id: PLAYER, channel_id: id, guild_id: GUILD });
    await expect(move("100000000000000011")).rejects.toMatchObject({ code: 50_024 });
    await move(null);
    await expect(state()).rejects.toMatchObject({ code: 10_065 });
  });

  it("creates a match's private channel, moves players into it, and deletes it with them inside", async () => {
    const discord = await startForTest();
    const rest = restOf(discord);
    const everyone = { id: GUILD, type: OverwriteType.Role, allow: "0", deny: "1049600" };
    const bot = { id: BOT, type: OverwriteType.Member, allow: "17826832", deny: "0" };
    const player = { id: PLAYER, type: OverwriteType.Member, allow: "36701696", deny: "0" };
    const match = {
      name: "match-7c1f0a52-faction1",
      type: ChannelType.GuildVoice,
      parent_id: CATEGORY,
      permission_overwrites: [everyone, bot, player],
    };
    const { id } = asObject(await rest.post(Routes.guildChannels(GUILD), { body: match }));
    const room = String(id);
    expect(await rest.get(Routes.guildChannels(GUILD))).toContainEqual(
      expect.objectContaining({ id: room, ...match }),
    );
    for (const userId of [PLAYER, SECOND]) {
      await control(discord, "POST", "/voice", { userId, channelId: LOBBY });
    }
    const body = { type: OverwriteType.Member, allow: player.allow, deny: "0" };
    await rest.put(Routes.channelPermission(room, SECOND), { body });
    for (const userId of [PLAYER, SECOND]) {
      await rest.patch(Routes.guildMember(GUILD, userId), { body: { channel_id: room } });
    }
    await rest.delete(Routes.channelPermission(room, SECOND));
    await expect(rest.delete(Routes.channelPermission(room, SECOND))).rejects.toMatchObject({
      code: 10_009,
    });
    expect((await control(discord, "GET", "/state"))["voiceStates"]).toHaveLength(2);
    await rest.delete(Routes.channel(room));
    expect((await control(discord, "GET", "/state"))["voiceStates"]).toEqual([]);
  });

  it("sends messages to users and channels, and shows them in the control API", async () => {
    const discord = await startForTest();
    const rest = restOf(discord);
    const button = { type: 2, style: 5, label: "Join", url: "https://discord.com/channels/1/2" };
    const direct = asObject(
      await rest.post(Routes.userChannels(), { body: { recipient_id: PLAYER } }),
    );
    const sent = await rest.post(Routes.channelMessages(String(direct["id"])), {
      body: { content: "Your match is up.", components: [{ type: 1, components: [button] }] },
    });
    expect(sent).toMatchObject({ content: "Your match is up.", components: [{ type: 1 }] });
    await rest.post(Routes.channelMessages(TEXT_CHANNEL), { body: { content: "To all" } });
    const at = expect.stringMatching(/Z$/);
    expect(await new DiscordControl(discord).messages()).toMatchObject([
      {
        channelId: direct["id"],
        recipientId: PLAYER,
        content: "Your match is up.",
        buttons: [{ label: button.label, url: button.url }],
        at,
      },
      { channelId: TEXT_CHANNEL, content: "To all", buttons: [], at },
    ]);
  });

  it("replaces an application's commands, of one guild and global ones", async () => {
    const rest = restOf(await startForTest());
    const ofGuild = Routes.applicationGuildCommands(BOT, GUILD);
    const put = async (route: `/${string}`, ...names: string[]): Promise<unknown[]> => {
      const body = names.map((name) => ({ name, description: `About ${name}`, contexts: [0] }));
      return Object.values(asObject(await rest.put(route, { body })));
    };
    const [link, whois] = (await put(ofGuild, "link", "whois")).map(asObject);
    expect(link).toMatchObject({ name: "link", type: 1, application_id: BOT, guild_id: GUILD });
    const again = await put(ofGuild, "unlink", "link");
    expect(again).toMatchObject([
      { name: "unlink" },
      { id: link?.["id"], version: link?.["version"] },
    ]);
    expect(again).not.toContainEqual(expect.objectContaining({ id: whois?.["id"] }));
    expect(await rest.get(ofGuild)).toEqual(again);
    await put(Routes.applicationCommands(BOT), "help");
    expect(await rest.get(ofGuild)).toEqual(again);
    expect(await put(ofGuild)).toEqual([]);
    expect(await rest.get(Routes.applicationCommands(BOT))).toMatchObject([{ name: "help" }]);
  });
});
