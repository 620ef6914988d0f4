import { ChannelType } from "discord-api-types/v10";
import type { ChannelRecord, GuildRecord, RoleRecord, UserRecord, WorldState } from "./model.ts";
import { BOT_PERMISSIONS, EVERYONE_PERMISSIONS } from "./permissions.ts";

/** The guild of a first start, and its only voice channel. */
export const PRIMARY_GUILD = "100000000000000001";
export const LOBBY = "100000000000000012";
const BOT_ID = "100000000000000100";
const OWNER_ID = "100000000000000200";
const PLAYERS = 6;

/** The Discord id of a test player of the local guild. @param number 1 to 6 */
export function playerId(number: number): string {
  return `10000000000000030${number}`;
}

/** The user who owns every guild. Changes "by hand" are this user's in the audit log. */
export const SERVER_OWNER: UserRecord = {
  id: OWNER_ID,
  username: "server-owner",
  globalName: "Server owner",
  bot: false,
};

const BOT: UserRecord = { id: BOT_ID, username: "guildhub", globalName: null, bot: true };

/** The two roles of a guild with the bot. */
export function initialRoles(guildId: string, botRoleId: string): readonly RoleRecord[] {
  return [
    {
      id: guildId,
      name: "@everyone",
      position: 0,
      permissions: EVERYONE_PERMISSIONS.toString(),
      botId: null,
    },
    {
      id: botRoleId,
      name: "GuildHub",
      position: 1,
      permissions: BOT_PERMISSIONS.toString(),
      botId: BOT_ID,
    },
  ];
}

/** A channel with Discord's defaults. */
export function newChannel(
  channel: Pick<ChannelRecord, "id" | "guildId" | "type" | "name"> & Partial<ChannelRecord>,
): ChannelRecord {
  return {
    position: 0,
    parentId: null,
    overwrites: [],
    topic: null,
    nsfw: false,
    rateLimitPerUser: 0,
    bitrate: 64_000,
    userLimit: 0,
    rtcRegion: null,
    ...channel,
  };
}

/**
 * The world on a first start: one guild with a category, a text channel and a voice channel, the
 * bot, an owner and a few players.
 */
export function initialWorld(guildId: string, now: number): WorldState {
  const joinedAt = new Date(now).toISOString();
  const players = Array.from({ length: PLAYERS }, (_, index): UserRecord => {
    const number = index + 1;
    const name = { username: `player-${number}`, globalName: `Player ${number}` };
    return { id: playerId(number), ...name, bot: false };
  });
  const users = [BOT, SERVER_OWNER, ...players];
  const guild: GuildRecord = {
    id: guildId,
    name: "Local guild",
    ownerId: OWNER_ID,
    unavailable: false,
    roles: initialRoles(guildId, "100000000000000101"),
    members: Object.fromEntries(users.map((user) => [user.id, joinedAt])),
  };
  const categoryId = "100000000000000010";
  return {
    botId: BOT_ID,
    users,
    guilds: [guild],
    channels: [
      newChannel({ id: categoryId, guildId, type: ChannelType.GuildCategory, name: "Rooms" }),
      newChannel({
        id: "100000000000000011",
        guildId,
        type: ChannelType.GuildText,
        name: "general",
      }),
      newChannel({
        id: LOBBY,
        guildId,
        type: ChannelType.GuildVoice,
        name: "Lobby",
      }),
    ],
    voice: [],
    invites: [],
    auditLog: [],
    directChannels: [],
  };
}

/** Adds the primary guild to a saved world if `PRIMARY_GUILD_ID` has changed since it was saved. */
export function addGuild(saved: WorldState, first: WorldState): WorldState {
  const known = new Set(saved.guilds.map(({ id }) => id));
  const missing = first.guilds.filter(({ id }) => !known.has(id));
  if (missing.length === 0) return saved;
  const taken = new Set(saved.channels.map(({ id }) => id));
  const channels = first.channels.filter(({ id }) => !taken.has(id));
  return {
    ...saved,
    guilds: [...saved.guilds, ...missing],
    channels: [...saved.channels, ...channels],
  };
}
