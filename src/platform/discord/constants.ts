import type {
  AuditLogEvent,
  ButtonStyle,
  ChannelType,
  ComponentType,
  OverwriteType,
  RESTJSONErrorCodes,
} from "discord-api-types/v10";

// Only the types of discord-api-types are imported: its tables would be a large part of the bundle.

/** Type of a voice channel. */
export const GUILD_VOICE: ChannelType.GuildVoice = 2;

/** Kinds of permission overwrites. */
export const OVERWRITE: {
  readonly role: OverwriteType.Role;
  readonly member: OverwriteType.Member;
} = { role: 0, member: 1 };

/** Audit-log event of a created channel. */
export const CHANNEL_CREATED: AuditLogEvent.ChannelCreate = 10;

/** Discord's error code for a channel that does not exist. */
export const UNKNOWN_CHANNEL: number = 10_003 satisfies RESTJSONErrorCodes.UnknownChannel;

/** Discord's error code for a guild with the maximum number of channels. */
export const GUILD_FULL: number =
  30_013 satisfies RESTJSONErrorCodes.MaximumNumberOfGuildChannelsReached;

/** Discord's code, within the errors of a form, for a category with the maximum number of channels. */
export const CATEGORY_FULL = "CHANNEL_PARENT_MAX_CHANNELS";

/** Discord's error code for an overwrite that a channel does not have. */
export const UNKNOWN_OVERWRITE: number =
  10_009 satisfies RESTJSONErrorCodes.UnknownPermissionOverwrite;

/** Discord's error code for moving somebody who is not in voice. */
export const NOT_IN_VOICE: number =
  40_032 satisfies RESTJSONErrorCodes.TargetUserIsNotConnectedToVoice;

/** Discord's error codes for somebody who is not in the guild. */
export const NOT_A_MEMBER: readonly number[] = [
  10_007 satisfies RESTJSONErrorCodes.UnknownMember,
  10_013 satisfies RESTJSONErrorCodes.UnknownUser,
];

/** Discord's error codes for a channel or guild that the bot may not see, and for a missing permission. */
export const MISSING_ACCESS: number = 50_001 satisfies RESTJSONErrorCodes.MissingAccess;
export const MISSING_PERMISSIONS: number = 50_013 satisfies RESTJSONErrorCodes.MissingPermissions;

/** Discord's error codes for a user who does not accept direct messages from the bot. */
export const TAKES_NO_MESSAGES: readonly number[] = [
  50_007 satisfies RESTJSONErrorCodes.CannotSendMessagesToThisUser,
  50_278,
];

/** Components of a message with a link button. */
export const ACTION_ROW: ComponentType.ActionRow = 1;
export const BUTTON: ComponentType.Button = 2;
export const LINK_STYLE: ButtonStyle.Link = 5;

/** Permission bits that we set (discord.md §2 REST). */
export const PERMISSION = {
  manageChannels: 1n << 4n,
  stream: 1n << 9n,
  viewChannel: 1n << 10n,
  connect: 1n << 20n,
  speak: 1n << 21n,
  moveMembers: 1n << 24n,
  useVad: 1n << 25n,
} as const;
