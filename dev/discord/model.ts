import { type APIAuditLogChange, type APIOverwrite, ChannelType } from "discord-api-types/v10";

/** Maximum of channels in a guild, with categories. One more is error 30013. */
export const GUILD_CHANNELS_MAX = 500;

/** Maximum of channels in a category. */
export const CATEGORY_CHANNELS_MAX = 50;

/** Maximum of invites in a guild. One more is error 30016. */
export const GUILD_INVITES_MAX = 1_000;

/** Audit log entries that are kept for a guild (Discord keeps 45 days). */
export const AUDIT_LOG_ENTRIES_MAX = 1_000;

/** Messages that are kept, for all channels together. */
export const MESSAGES_MAX = 200;

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
  /** False: the user refuses direct messages. Absent: the user accepts them. */
  readonly acceptsDirectMessages?: boolean;
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
  /** Whether this guild has an outage: READY lists it, and GUILD_CREATE follows after the outage. */
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

/** A user's voice channel. A user is in at most one voice channel of all guilds. */
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

/** A button with a link. */
export interface LinkButton {
  readonly label: string;
  readonly url: string;
}

/** A message of the bot. */
export interface MessageRecord {
  readonly id: string;
  readonly channelId: string;
  /** The recipient of a direct message. */
  readonly recipientId?: string;
  readonly content: string;
  readonly buttons: readonly LinkButton[];
  /** RFC 3339. */
  readonly at: string;
}

/** An option of a slash command in Discord's form. */
export interface CommandOption {
  readonly type: number;
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  readonly min_length?: number;
  readonly max_length?: number;
}

/** A slash command that the application has registered. */
export interface CommandRecord {
  readonly id: string;
  /** Changes with every change of the command. */
  readonly version: string;
  /** Null: a global command. */
  readonly guildId: string | null;
  readonly name: string;
  readonly description: string;
  readonly options: readonly CommandOption[];
  /** A bit set as a decimal string; null: everyone may use it. */
  readonly defaultMemberPermissions: string | null;
  /** Where it can be used: 0 guilds, 1 the bot's direct messages, 2 others; null: everywhere. */
  readonly contexts: readonly number[] | null;
}

/** The local Discord's world in the state file. */
export interface WorldState {
  readonly botId: string;
  readonly users: readonly UserRecord[];
  readonly guilds: readonly GuildRecord[];
  readonly channels: readonly ChannelRecord[];
  readonly voice: readonly VoiceRecord[];
  readonly invites: readonly InviteRecord[];
  readonly auditLog: readonly AuditLogRecord[];
  readonly directChannels: readonly DirectChannelRecord[];
  /** Absent in files of earlier versions, like `commands`. */
  readonly messages?: readonly MessageRecord[];
  readonly commands?: readonly CommandRecord[];
}

/** The data of an event. */
export type DispatchData = Readonly<Record<string, unknown>>;

/** An event for all sessions with one of its intents. */
export interface Dispatch {
  readonly event: string;
  /** The session needs one of these intent bits. */
  readonly intents: number;
  readonly guildId: string;
  readonly data: DispatchData;
}

/** Whether it is a voice channel. */
export function isVoice(channel: Pick<ChannelRecord, "type">): boolean {
  return channel.type === ChannelType.GuildVoice;
}
