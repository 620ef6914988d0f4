import type { APIAuditLogChange, APIOverwrite } from "discord-api-types/v10";
import { ChannelType } from "discord-api-types/v10";

/** Channels of one guild, categories counted; one more is error 30013. */
export const GUILD_CHANNELS_MAX = 500;

/** Channels of one category. */
export const CATEGORY_CHANNELS_MAX = 50;

/** Invites of one guild; one more is error 30016. */
export const GUILD_INVITES_MAX = 1_000;

/** Audit log entries that are kept for one guild (the real one keeps 45 days). */
export const AUDIT_LOG_ENTRIES_MAX = 1_000;

/** The channel types that are modelled. */
export type GuildChannelType =
  | ChannelType.GuildText
  | ChannelType.GuildVoice
  | ChannelType.GuildCategory;

export interface UserRecord {
  readonly id: string;
  readonly username: string;
  readonly globalName: string | null;
  readonly bot: boolean;
}

export interface RoleRecord {
  readonly id: string;
  readonly name: string;
  readonly position: number;
  /** A bit set as a decimal string. */
  readonly permissions: string;
  /** The bot that the role belongs to; null: an ordinary role. */
  readonly botId: string | null;
}

export interface GuildRecord {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  /** An outage of this guild alone: READY lists it, GUILD_CREATE waits. */
  readonly unavailable: boolean;
  readonly roles: readonly RoleRecord[];
  /** User id to RFC 3339 time of joining. */
  readonly members: Readonly<Record<string, string>>;
}

export interface ChannelRecord {
  readonly id: string;
  readonly guildId: string;
  readonly type: GuildChannelType;
  readonly name: string;
  readonly position: number;
  readonly parentId: string | null;
  readonly overwrites: readonly APIOverwrite[];
  readonly topic: string | null;
  readonly nsfw: boolean;
  readonly rateLimitPerUser: number;
  readonly bitrate: number;
  readonly userLimit: number;
  readonly rtcRegion: string | null;
}

/** Where a user is. A user is in one voice channel of all guilds at most. */
export interface VoiceRecord {
  readonly userId: string;
  readonly guildId: string;
  readonly channelId: string;
  readonly sessionId: string;
  readonly selfMute: boolean;
}

export interface InviteRecord {
  readonly code: string;
  readonly guildId: string;
  readonly channelId: string;
  readonly inviterId: string;
  readonly maxAge: number;
  readonly maxUses: number;
  readonly temporary: boolean;
  readonly createdAt: number;
}

export interface AuditLogRecord {
  readonly id: string;
  readonly guildId: string;
  readonly userId: string;
  /** One of Discord's audit log events. */
  readonly action: number;
  readonly targetId: string | null;
  readonly changes: readonly APIAuditLogChange[];
  readonly options: Readonly<Record<string, string>> | null;
  readonly reason: string | null;
}

export interface DirectChannelRecord {
  readonly id: string;
  readonly recipientId: string;
}

/** All that the local Discord knows, as it stands in the state file. */
export interface WorldState {
  readonly botId: string;
  readonly users: readonly UserRecord[];
  readonly guilds: readonly GuildRecord[];
  readonly channels: readonly ChannelRecord[];
  readonly voice: readonly VoiceRecord[];
  readonly invites: readonly InviteRecord[];
  readonly auditLog: readonly AuditLogRecord[];
  readonly directChannels: readonly DirectChannelRecord[];
}

/** What an event carries. */
export type DispatchData = Readonly<Record<string, unknown>>;

/** Something that the gateway tells the sessions that asked for it. */
export interface Dispatch {
  readonly event: string;
  /** The session needs one of these intent bits. */
  readonly intents: number;
  readonly guildId: string;
  readonly data: DispatchData;
}

/** Whether people can be in the channel. */
export function isVoice(channel: ChannelRecord): boolean {
  return channel.type === ChannelType.GuildVoice;
}
