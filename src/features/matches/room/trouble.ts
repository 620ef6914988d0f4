import type { MatchSettings } from "../config.ts";

/** Settings that name a channel or role in Discord, which may not exist (any more). */
export const DISCORD_SETTINGS = {
  category: { variable: "VC_CATEGORY_ID", id: "categoryId", what: "category" },
  lobby: { variable: "LOBBY_VC_ID", id: "lobbyId", what: "voice channel" },
  noticeChannel: {
    variable: "MATCH_NOTICE_CHANNEL_ID",
    id: "noticeChannelId",
    what: "text channel",
  },
  staffRole: { variable: "MATCH_STAFF_ROLE_ID", id: "staffRoleId", what: "role" },
} as const satisfies Readonly<
  Record<string, { readonly variable: string; readonly id: keyof MatchSettings; what: string }>
>;
/** A setting that names a channel or role in Discord. */
export type DiscordSetting = keyof typeof DISCORD_SETTINGS;

/** Problems that affect all matches of a guild until an operator fixes them. Stored in D1. */
export const GUILD_TROUBLES = [
  "category",
  "lobby",
  "noticeChannel",
  "staffRole",
  "moving",
  "faceitKey",
  "faceitDown",
] as const satisfies readonly (DiscordSetting | "moving" | "faceitKey" | "faceitDown")[];
/** A trouble of the whole guild. */
export type GuildTroubleKind = (typeof GUILD_TROUBLES)[number];
/** Troubles that are over in all guilds as soon as FACEIT answers: they share the key. */
export const FACEIT_TROUBLES = ["faceitKey", "faceitDown"] as const;
/** A problem that affects one match: the guild is full, or Discord refuses something. */
type MatchTroubleKind = "full" | "refused" | "access" | "undeletable";
/** A trouble of a guild or of one match. */
export type TroubleKind = GuildTroubleKind | MatchTroubleKind;

/** Whether a trouble is posted once for the guild, and not for each of its matches. */
export function isOfGuild(kind: TroubleKind): kind is GuildTroubleKind {
  return GUILD_TROUBLES.some((one) => one === kind);
}

/** Whether the trouble is that a setting names nothing in Discord. */
export function isDiscordSetting(kind: string): kind is DiscordSetting {
  return kind in DISCORD_SETTINGS;
}

/** The id that the setting names; empty for a trouble that is not about a setting. */
export function subjectOf(kind: GuildTroubleKind, settings: MatchSettings): string {
  return isDiscordSetting(kind) ? (settings[DISCORD_SETTINGS[kind].id] ?? "") : "";
}

/** The variable or permission that an operator has to look at. */
export function nameOf(kind: GuildTroubleKind): string {
  if (isDiscordSetting(kind)) return DISCORD_SETTINGS[kind].variable;
  if (kind === "moving") return "Move Members";
  return kind === "faceitKey" ? "FACEIT_API_KEY" : "FACEIT";
}
