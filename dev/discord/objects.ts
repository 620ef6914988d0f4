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
  GuildRecord,
  InviteRecord,
  RoleRecord,
  UserRecord,
  VoiceRecord,
} from "./model.ts";

const NO_FLAGS: number = 0;

/** A user as Discord writes it. */
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

/** A role as Discord writes it. */
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

/** A member of a guild as Discord writes it. */
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

/** A guild as `GET /guilds/:id` writes it: as Discord's specification has it, where the types differ. */
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

/** A guild's channel as Discord writes it; GUILD_CREATE leaves `guild_id` out. */
export function channelObject(channel: ChannelRecord): Record<string, unknown> {
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

/** A voice state as Discord writes it; `channelId` null says that the user has left. */
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

/** An invite with its metadata, as `POST /channels/:id/invites` answers. */
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

/** One line of the audit log as Discord writes it. */
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
