import type { Result } from "../result.ts";
import type { DiscordFailure } from "./call.ts";

/** Permissions that a channel allows and denies one role or member, as bit sets. */
export type PermissionOverwrite = {
  readonly id: string;
  readonly kind: "role" | "member";
  readonly allow: bigint;
  readonly deny: bigint;
};

/** A channel in a guild's list of channels. */
export type GuildChannel = {
  readonly id: string;
  readonly name: string;
  /** Discord's number for its type; 2 is a voice channel. */
  readonly type: number;
  readonly parentId: string | null;
  readonly overwrites: readonly PermissionOverwrite[];
};

/** A message. Mentions in it notify nobody. */
export type NewMessage = {
  readonly content: string;
  /** A link button. */
  readonly button?: { readonly label: string; readonly url: string };
};

/** A voice channel to create. */
export type NewVoiceChannel = {
  readonly guildId: string;
  readonly name: string;
  /** 0: no limit. */
  readonly userLimit: number;
  /** Category, or null for none. */
  readonly parentId: string | null;
  /** Null: the permissions of the guild's roles apply. */
  readonly overwrites: readonly PermissionOverwrite[] | null;
  readonly reason: string;
};

/** The part of a channel that we read. */
export type DiscordChannel = { readonly id: string; readonly name: string };

/** An invite that Discord created. `expiresAt` is RFC 3339 in UTC; null: never. */
export type DiscordInvite = { readonly code: string; readonly expiresAt: string | null };

/** The operations of Discord's REST API that we use. */
export interface DiscordClient {
  /** Repeated only when Discord certainly did nothing: after `unknown_outcome` or `failed` it may exist. */
  createVoiceChannel(channel: NewVoiceChannel): Promise<Result<DiscordChannel, DiscordFailure>>;
  /** A channel that does not exist counts as deleted. */
  deleteChannel(channelId: string, reason: string): Promise<Result<undefined, DiscordFailure>>;
  /** Null: there is no such channel. */
  getChannel(channelId: string): Promise<Result<DiscordChannel | null, DiscordFailure>>;
  /** @param options seconds and uses, 0 for no bound; absent: Discord's defaults */
  createInvite(
    channelId: string,
    options: { readonly maxAge?: number | undefined; readonly maxUses?: number | undefined },
  ): Promise<Result<DiscordInvite, DiscordFailure>>;
  /** The newest channel whose creation carries `nonce` in its audit-log reason, or null. */
  findByAuditReason(guildId: string, nonce: string): Promise<Result<string | null, DiscordFailure>>;
  /** The bot's own user id. */
  botUserId(): Promise<Result<string, DiscordFailure>>;
  /** The channels of a guild that the bot sees, at most 500. */
  listChannels(guildId: string): Promise<Result<readonly GuildChannel[], DiscordFailure>>;
  /** Sets one overwrite of a channel; the others stay. */
  setOverwrite(
    channelId: string,
    overwrite: PermissionOverwrite,
    reason: string,
  ): Promise<Result<undefined, DiscordFailure>>;
  /** Removes an overwrite. One that does not exist counts as removed. */
  removeOverwrite(
    channelId: string,
    overwriteId: string,
    reason: string,
  ): Promise<Result<undefined, DiscordFailure>>;
  /**
   * Moves a member who is in voice; null: disconnects them. `not_in_voice` (40032) and `not_member` (10007, 10013)
   * are no failures, because a bot can only move members who are in voice.
   */
  moveMember(
    guildId: string,
    userId: string,
    channelId: string | null,
    reason: string,
  ): Promise<Result<"moved" | "not_in_voice" | "not_member", DiscordFailure>>;
  /** Whether a user is in the guild. */
  isMember(guildId: string, userId: string): Promise<Result<boolean, DiscordFailure>>;
  /** `closed`: this person does not accept messages from the bot (50007, 50278). */
  sendDirectMessage(
    userId: string,
    message: NewMessage,
  ): Promise<Result<"sent" | "closed", DiscordFailure>>;
  /** Sends a message to a text channel. Not repeated when its outcome is unknown. */
  sendMessage(channelId: string, message: NewMessage): Promise<Result<undefined, DiscordFailure>>;
}
