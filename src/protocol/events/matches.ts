import { z } from "zod";
import { DiscordId } from "../discord-id.ts";
import { FaceitId, Faction, Match } from "../match.ts";
import { defineEvent } from "./define-event.ts";

const GuildId = DiscordId.meta({ description: "The guild that plays this match" });
const MatchId = FaceitId.meta({ description: "FACEIT's id of the match" });

/** Events of FACEIT matches. */
export const matchCreated = defineEvent(
  "match.created",
  z.object({ guildId: GuildId, match: Match }),
  "A match of the guild is known. Sent once.",
);

export const matchUpdated = defineEvent(
  "match.updated",
  z.object({ guildId: GuildId, match: Match }),
  "A match's status, rosters, links or map changed. Its rooms have events of their own.",
);

export const matchRoomCreated = defineEvent(
  "match.room.created",
  z.object({
    guildId: GuildId,
    matchId: MatchId,
    faction: Faction,
    channelId: DiscordId,
    name: z.string().max(200),
  }),
  "One side's private voice channel is there.",
);

export const matchRoomDeleted = defineEvent(
  "match.room.deleted",
  z.object({ guildId: GuildId, matchId: MatchId, faction: Faction, channelId: DiscordId }),
  "One side's private voice channel is gone.",
);

export const matchEnded = defineEvent(
  "match.ended",
  z.object({ guildId: GuildId, match: Match }),
  "A match is over: finished, aborted or cancelled. Its rooms go soon after.",
);

/** All events of this area, for the registry. */
export const MATCH_EVENTS = [
  matchCreated,
  matchUpdated,
  matchRoomCreated,
  matchRoomDeleted,
  matchEnded,
] as const;
