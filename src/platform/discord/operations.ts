import type { Result } from "../result.ts";
import type { DiscordFailure } from "./call.ts";

/** What a channel allows and denies one role or member, as bit sets. */
export type PermissionOverwrite = {
  readonly id: string;
  readonly kind: "role" | "member";
  readonly allow: bigint;
  readonly deny: bigint;
};

/** A channel of a guild, as lists show it. */
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
  /** A button that leads to an address. */
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
  /** Null: as the guild's roles have it. */
  readonly overwrites: readonly PermissionOverwrite[] | null;
  readonly reason: string;
};

/** The part of a channel that we read. */
export type DiscordChannel = { readonly id: string; readonly name: string };

/** An invite as Discord made it. `expiresAt` is RFC 3339 in UTC; null: never. */
export type DiscordInvite = { readonly code: string; readonly expiresAt: string | null };

/** The operations of Discord's REST API that we use. */
export interface DiscordClient {
  /** Not repeated unless Discord certainly did nothing: `unknown_outcome` and `failed` are open. */
  createVoiceChannel(channel: NewVoiceChannel): Promise<Result<DiscordChannel, DiscordFailure>>;
  /** A channel that is gone already counts as deleted. */
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
  /** Takes an overwrite away; one that is not there counts as taken away. */
  removeOverwrite(
    channelId: string,
    overwriteId: string,
    reason: string,
  ): Promise<Result<undefined, DiscordFailure>>;
  /**
   * Moves somebody who is in voice; null: out of voice. `not_in_voice` (40032) and `not_member` (10007,
   * 10013) are no failures: a bot cannot put somebody into voice.
   */
  moveMember(
    guildId: string,
    userId: string,
    channelId: string | null,
    reason: string,
  ): Promise<Result<"moved" | "not_in_voice" | "not_member", DiscordFailure>>;
  /** Whether somebody is in the guild. */
  isMember(guildId: string, userId: string): Promise<Result<boolean, DiscordFailure>>;
  /** `closed`: this person takes no messages from the bot (50007, 50278). */
  sendDirectMessage(
    userId: string,
    message: NewMessage,
  ): Promise<Result<"sent" | "closed", DiscordFailure>>;
  /** Writes into a text channel. Not repeated when nobody knows whether it arrived. */
  sendMessage(channelId: string, message: NewMessage): Promise<Result<undefined, DiscordFailure>>;
}
