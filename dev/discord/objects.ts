import {
  type APIAuditLogEntry,
  type APIGuild,
  type APIGuildMember,
  type APIRole,
  type APIUser,
  type APIVoiceState,
  ChannelType,
  GuildDefaultMessageNotifications,
  GuildExplicitContentFilter,
  GuildMFALevel,
  GuildNSFWLevel,
  GuildPremiumTier,
  GuildVerificationLevel,
  Locale,
} from "discord-api-types/v10";
import type {
  AuditLogRecord,
  ChannelRecord,
  DirectChannelRecord,
  DispatchData,
  GuildRecord,
  InviteRecord,
  RoleRecord,
  UserRecord,
  VoiceRecord,
} from "./model.ts";

const NO_FLAGS: number = 0;

/** A user in Discord's form. */
export function userObject(user: UserRecord): APIUser & { readonly primary_guild: null } {
  return {
    id: user.id,
    username: user.username,
    discriminator: user.bot ? "0001" : "0",
    global_name: user.globalName,
    avatar: null,
    ...(user.bot ? { bot: true } : {}),
    banner: null,
    accent_color: null,
    flags: NO_FLAGS,
    public_flags: NO_FLAGS,
    avatar_decoration_data: null,
    primary_guild: null,
  };
}

/** A role in Discord's form. */
export function roleObject(role: RoleRecord): APIRole {
  return {
    id: role.id,
    name: role.name,
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    icon: null,
    unicode_emoji: null,
    position: role.position,
    permissions: role.permissions,
    managed: role.botId !== null,
    mentionable: false,
    ...(role.botId === null ? {} : { tags: { bot_id: role.botId } }),
    flags: NO_FLAGS,
  };
}

/** A member of a guild in Discord's form. */
export function memberObject(guild: GuildRecord, user: UserRecord): APIGuildMember {
  return {
    user: userObject(user),
    nick: null,
    avatar: null,
    banner: null,
    roles: guild.roles.filter((role) => role.botId === user.id).map((role) => role.id),
    joined_at: guild.members[user.id] ?? null,
    premium_since: null,
    deaf: false,
    mute: false,
    flags: NO_FLAGS,
    pending: false,
    communication_disabled_until: null,
  };
}

/**
 * A guild in the form of `GET /guilds/:id`. Where discord-api-types differs from Discord's specification, it
 * follows the specification.
 */
export function guildObject(
  guild: GuildRecord,
): Omit<APIGuild, "hub_type"> & { readonly home_header: null; readonly nsfw: boolean } {
  return {
    id: guild.id,
    name: guild.name,
    icon: null,
    splash: null,
    discovery_splash: null,
    home_header: null,
    description: null,
    banner: null,
    owner_id: guild.ownerId,
    afk_channel_id: null,
    afk_timeout: 300,
    widget_enabled: false,
    widget_channel_id: null,
    verification_level: GuildVerificationLevel.None,
    default_message_notifications: GuildDefaultMessageNotifications.OnlyMentions,
    explicit_content_filter: GuildExplicitContentFilter.Disabled,
    roles: guild.roles.map(roleObject),
    emojis: [],
    stickers: [],
    features: [],
    mfa_level: GuildMFALevel.None,
    application_id: null,
    system_channel_id: null,
    system_channel_flags: NO_FLAGS,
    rules_channel_id: null,
    max_presences: null,
    max_members: 500_000,
    vanity_url_code: null,
    premium_tier: GuildPremiumTier.None,
    premium_subscription_count: 0,
    preferred_locale: Locale.EnglishUS,
    public_updates_channel_id: null,
    max_video_channel_users: 25,
    max_stage_video_channel_users: 50,
    nsfw: false,
    nsfw_level: GuildNSFWLevel.Default,
    region: "deprecated",
    premium_progress_bar_enabled: false,
    safety_alerts_channel_id: null,
    incidents_data: null,
  };
}

/** A guild's channel in Discord's form. GUILD_CREATE omits `guild_id`. */
export function channelObject(channel: ChannelRecord) {
  const base = {
    id: channel.id,
    type: channel.type,
    guild_id: channel.guildId,
    name: channel.name,
    position: channel.position,
    parent_id: channel.parentId,
    permission_overwrites: channel.overwrites,
    flags: NO_FLAGS,
  };
  if (channel.type === ChannelType.GuildCategory) return base;
  const text = {
    ...base,
    last_message_id: null,
    nsfw: channel.nsfw,
    rate_limit_per_user: channel.rateLimitPerUser,
  };
  if (channel.type === ChannelType.GuildText) {
    return { ...text, topic: channel.topic, last_pin_timestamp: null };
  }
  return {
    ...text,
    bitrate: channel.bitrate,
    user_limit: channel.userLimit,
    rtc_region: channel.rtcRegion,
  };
}

/** A channel between the bot and one user. */
export function directChannelObject(
  channel: DirectChannelRecord,
  recipient: UserRecord,
): Record<string, unknown> {
  return {
    id: channel.id,
    type: ChannelType.DM,
    last_message_id: null,
    flags: NO_FLAGS,
    recipients: [userObject(recipient)],
  };
}

/** A voice state in Discord's form; `channelId` null: the user has left. */
export function voiceStateObject(
  voice: VoiceRecord,
  channelId: string | null = voice.channelId,
): APIVoiceState {
  return {
    guild_id: voice.guildId,
    channel_id: channelId,
    user_id: voice.userId,
    session_id: voice.sessionId,
    deaf: false,
    mute: false,
    self_deaf: false,
    self_mute: voice.selfMute,
    self_stream: false,
    self_video: false,
    suppress: false,
    request_to_speak_timestamp: null,
  };
}

/** An invite with its metadata, the answer to `POST /channels/:id/invites`. */
export function inviteObject(
  invite: InviteRecord,
  guild: GuildRecord,
  channel: ChannelRecord,
  inviter: UserRecord,
): Record<string, unknown> {
  const expiresAt = invite.createdAt + invite.maxAge * 1_000;
  return {
    type: 0,
    code: invite.code,
    inviter: userObject(inviter),
    expires_at: invite.maxAge === 0 ? null : new Date(expiresAt).toISOString(),
    flags: NO_FLAGS,
    guild: {
      id: guild.id,
      name: guild.name,
      splash: null,
      banner: null,
      description: null,
      icon: null,
      features: [],
      verification_level: GuildVerificationLevel.None,
      vanity_url_code: null,
      nsfw: false,
      nsfw_level: GuildNSFWLevel.Default,
      premium_subscription_count: 0,
    },
    guild_id: guild.id,
    channel: { id: channel.id, type: channel.type, name: channel.name },
    uses: 0,
    max_uses: invite.maxUses,
    max_age: invite.maxAge,
    temporary: invite.temporary,
    created_at: new Date(invite.createdAt).toISOString(),
  };
}

/** An entry of the audit log in Discord's form. */
export function auditLogEntryObject(entry: AuditLogRecord): APIAuditLogEntry {
  return {
    id: entry.id,
    user_id: entry.userId,
    target_id: entry.targetId,
    action_type: entry.action,
    ...(entry.changes.length === 0 ? {} : { changes: [...entry.changes] }),
    ...(entry.options === null ? {} : { options: entry.options }),
    ...(entry.reason === null ? {} : { reason: entry.reason }),
  };
}

/** The part of the world that the data of events is built from. */
export type WorldView = {
  readonly botId: string;
  channelsOf(guildId: string): readonly ChannelRecord[];
  isVisible(channel: ChannelRecord): boolean;
  voiceOf(guildId: string): readonly VoiceRecord[];
  user(id: string): UserRecord;
};

/**
 * The data of GUILD_CREATE: the guild with everything that the bot may see.
 * @param justJoined whether the bot has just joined the guild
 */
export function guildCreate(
  world: WorldView,
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
    // Without the intent GUILD_MEMBERS: only the bot itself and users in voice channels.
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

/** Maximum of members in the answer to one request. */
const MEMBERS_MAX = 100;

/**
 * The data of GUILD_MEMBERS_CHUNK for a client's request (opcode 8): the members in `user_ids`, or whose names
 * begin with `query`. A list of all members would need a privileged intent, which no bot has here.
 */
export function membersChunk(
  world: WorldView,
  guild: GuildRecord,
  request: Readonly<Record<string, unknown>>,
): DispatchData {
  const { user_ids: ids, query, limit, nonce } = request;
  const named = ids === undefined ? [] : [ids].flat().map(String).slice(0, MEMBERS_MAX);
  const max = typeof limit === "number" && limit > 0 ? Math.min(limit, MEMBERS_MAX) : MEMBERS_MAX;
  const start = typeof query === "string" ? query.toLowerCase() : "";
  const found = Object.keys(guild.members)
    .filter((id) => {
      if (ids !== undefined) return named.includes(id);
      return start !== "" && world.user(id).username.toLowerCase().startsWith(start);
    })
    .slice(0, max);
  return {
    guild_id: guild.id,
    members: found.map((id) => memberObject(guild, world.user(id))),
    chunk_index: 0,
    chunk_count: 1,
    ...(ids === undefined ? {} : { not_found: named.filter((id) => !found.includes(id)) }),
    ...(typeof nonce === "string" ? { nonce } : {}),
  };
}
