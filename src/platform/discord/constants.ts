import type {
  AuditLogEvent,
  ChannelType,
  OverwriteType,
  RESTJSONErrorCodes,
} from "discord-api-types/v10";

// Only the types of discord-api-types come along: its tables would be a large part of the bundle.

/** Type of a voice channel. */
export const GUILD_VOICE: ChannelType.GuildVoice = 2;

/** Kinds of permission overwrites. */
export const OVERWRITE: {
  readonly role: OverwriteType.Role;
  readonly member: OverwriteType.Member;
} = { role: 0, member: 1 };

/** Audit-log event of a created channel. */
export const CHANNEL_CREATED: AuditLogEvent.ChannelCreate = 10;

const unknownChannel: RESTJSONErrorCodes.UnknownChannel = 10_003;
/** Discord's error code for a channel that does not exist. */
export const UNKNOWN_CHANNEL: number = unknownChannel;

/** Permission bits that we set (discord.md §2 REST). */
export const PERMISSION = {
  manageChannels: 1n << 4n,
  stream: 1n << 9n,
  viewChannel: 1n << 10n,
  connect: 1n << 20n,
  speak: 1n << 21n,
} as const;
