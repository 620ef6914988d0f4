import type { MatchSettings } from "../config.ts";

/** Settings that name something in Discord, which may not be there (any more). */
export const PLACES = {
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
/** A setting that names something in Discord. */
export type Place = keyof typeof PLACES;

/** What keeps all matches of a guild from being played out as they should be, until somebody mends it. */
export const GUILD_TROUBLES = [
  "category",
  "lobby",
  "noticeChannel",
  "staffRole",
  "moving",
  "faceitKey",
  "faceitDown",
] as const satisfies readonly (Place | "moving" | "faceitKey" | "faceitDown")[];
/** A trouble of the whole guild. */
export type GuildTroubleKind = (typeof GUILD_TROUBLES)[number];
/** Those that are over as soon as FACEIT answers: the key is the same for all guilds. */
export const FACEIT_TROUBLES = ["faceitKey", "faceitDown"] as const;
/** What keeps one match from it. */
export type MatchTroubleKind = "full" | "refused" | "access" | "undeletable";
/** A trouble of a guild or of one match. */
export type TroubleKind = GuildTroubleKind | MatchTroubleKind;

/** Whether a trouble is told once for the guild, and not for each of its matches. */
export function isOfGuild(kind: TroubleKind): kind is GuildTroubleKind {
  return GUILD_TROUBLES.some((one) => one === kind);
}

/** Whether a trouble is of a setting. */
export function isPlace(kind: string): kind is Place {
  return kind in PLACES;
}

/** What a setting names; empty for a trouble that is of none. */
export function subjectOf(kind: GuildTroubleKind, settings: MatchSettings): string {
  return isPlace(kind) ? (settings[PLACES[kind].id] ?? "") : "";
}

/** What an operator looks for: the variable, or the permission. */
export function nameOf(kind: GuildTroubleKind): string {
  if (isPlace(kind)) return PLACES[kind].variable;
  if (kind === "moving") return "Move Members";
  return kind === "faceitKey" ? "FACEIT_API_KEY" : "FACEIT";
}
