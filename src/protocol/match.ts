import { z } from "zod";
import { DiscordId } from "./discord-id.ts";

/** The two sides of a match, as FACEIT's Data API calls them. */
export const FACTIONS = ["faction1", "faction2"] as const;
export const Faction = z.enum(FACTIONS);
export type Faction = z.infer<typeof Faction>;

/** FACEIT's id of a match (`1-<uuid>`), player, hub or organizer. Safe in a URL path without escaping. */
export const FaceitId = z
  .string()
  .regex(/^[\w-]{1,64}$/, "an id of FACEIT has 1 to 64 letters, digits, - or _");

/** FACEIT's statuses of a match that is over; every other status counts as live. */
export const ENDED_STATUSES: ReadonlySet<string> = new Set(["FINISHED", "ABORTED", "CANCELLED"]);

/** A player of a match. */
export const MatchPlayer = z.object({
  playerId: FaceitId,
  nickname: z.string().max(100),
  skillLevel: z.number().int().nullable(),
  discordId: DiscordId.nullable().meta({ description: "Null: this player has not linked Discord" }),
});
export type MatchPlayer = z.infer<typeof MatchPlayer>;

/** The private voice channel of one side. */
export const MatchRoom = z.object({ channelId: DiscordId, name: z.string().max(200) });
export type MatchRoom = z.infer<typeof MatchRoom>;

/** Why a side has no channel. */
export const MatchProblem = z.enum(["discord_full", "discord_refused", "discord_unreachable"]);
export type MatchProblem = z.infer<typeof MatchProblem>;

/** One side of a match. */
export const MatchSide = z.object({
  name: z.string().max(100),
  players: z.array(MatchPlayer),
  room: MatchRoom.nullable(),
  problem: MatchProblem.nullable(),
  inVoice: z
    .array(DiscordId)
    .meta({ description: "Discord users who are in this side's channel now" }),
});
export type MatchSide = z.infer<typeof MatchSide>;

/** A FACEIT match as REST answers, events and snapshots carry it. Times are RFC 3339. */
export const Match = z
  .object({
    matchId: FaceitId,
    guildId: DiscordId,
    state: z.enum(["live", "ended"]),
    status: z.string().max(40).meta({
      description:
        "FACEIT's own: CHECK_IN, VOTING, CONFIGURING, READY, ONGOING, FINISHED, ABORTED, CANCELLED, …",
    }),
    game: z.string().max(40),
    region: z.string().max(40),
    competition: z.string().max(100),
    map: z.string().max(100).nullable(),
    bestOf: z.number().int().nullable(),
    url: z.url({ protocol: /^https$/ }).nullable(),
    demoUrl: z
      .url({ protocol: /^https$/ })
      .nullable()
      .meta({ description: "The first of `demoUrls`" }),
    // Records of older versions have only `demoUrl`.
    demoUrls: z
      .array(z.url({ protocol: /^https$/ }))
      .default([])
      .meta({ description: "The recordings, one for each map" }),
    factions: z.object({ faction1: MatchSide, faction2: MatchSide }),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    revision: z.number().int().meta({ description: "Grows with each change of the match" }),
  })
  .meta({ id: "Match" });
export type Match = z.infer<typeof Match>;
