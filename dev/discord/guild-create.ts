import type { ChannelRecord, GuildRecord, UserRecord, VoiceRecord } from "./model.ts";
import { channelObject, guildObject, memberObject, voiceStateObject } from "./objects.ts";

/** What the data is made of: the local Discord's world. */
type Shown = {
  readonly botId: string;
  channelsOf(guildId: string): readonly ChannelRecord[];
  isVisible(channel: ChannelRecord): boolean;
  voiceOf(guildId: string): readonly VoiceRecord[];
  user(id: string): UserRecord;
};

/**
 * The data of GUILD_CREATE: the guild with all that the bot may see of it.
 * @param justJoined whether the bot came into the guild a moment ago
 */
export function guildCreate(
  world: Shown,
  guild: GuildRecord,
  justJoined = false,
): Record<string, unknown> {
  const channels = world.channelsOf(guild.id).filter((channel) => world.isVisible(channel));
  const visible = new Set(channels.map(({ id }) => id));
  const voice = world.voiceOf(guild.id).filter(({ channelId }) => visible.has(channelId));
  const inside = new Set([world.botId, ...voice.map(({ userId }) => userId)]);
  return {
    ...guildObject(guild),
    joined_at: guild.members[world.botId] ?? null,
    large: false,
    unavailable: false,
    member_count: Object.keys(guild.members).length,
    // Without the members intent: the bot itself and those in voice channels.
    members: [...inside].map((userId) => memberObject(guild, world.user(userId))),
    channels: channels.map((channel) => withoutGuildId(channelObject(channel))),
    voice_states: voice.map((state) => withoutGuildId({ ...voiceStateObject(state) })),
    threads: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
    ...(justJoined ? { geo_restricted: false } : {}),
  };
}

function withoutGuildId(object: Record<string, unknown>): Record<string, unknown> {
  const { guild_id: _, ...rest } = object;
  return rest;
}
