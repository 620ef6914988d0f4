import { z } from "zod";
import { hubCommand } from "../../hub/command.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { FaceitId, Match } from "../../protocol/match.ts";

const Users = z.object({ userIds: z.array(DiscordId) });
const Somewhere = z.object({ userId: DiscordId, channelId: DiscordId });
const Matches = z.object({ matchIds: z.array(FaceitId) });
const SidesInVoice = z.object({
  matchId: FaceitId,
  faction1: z.array(DiscordId),
  faction2: z.array(DiscordId),
  // A hub that says nothing of these is of the version before.
  isKnown: z.boolean().default(false),
  bots: z.array(DiscordId).default([]),
});

/** The commands; `MatchesHub` in ports.ts says what each does. */
export const MATCHES_COMMANDS = {
  put: hubCommand("matches.put", Match, z.object({})),
  whereabouts: hubCommand("matches.whereabouts", Users, z.array(Somewhere)),
  sweep: hubCommand("matches.sweep", z.object({}), z.object({})),
  inVoice: hubCommand("matches.inVoice", Matches, z.array(SidesInVoice)),
} as const;
