import { z } from "zod";
import { DiscordId } from "../../protocol/discord-id.ts";
import { FaceitId, Match } from "../../protocol/match.ts";

/** Name of the matches extension in a hub; its commands are `matches.…`. */
export const MATCHES_EXTENSION = "matches";

/** A command of the hub's matches extension: what crosses is checked on both sides. */
export type HubCommand<Input extends z.ZodType, Output extends z.ZodType> = {
  readonly name: string;
  readonly input: Input;
  readonly output: Output;
};

function define<Input extends z.ZodType, Output extends z.ZodType>(
  name: string,
  input: Input,
  output: Output,
): HubCommand<Input, Output> {
  return { name, input, output };
}

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
  put: define("put", Match, z.object({})),
  whereabouts: define("whereabouts", Users, z.array(Somewhere)),
  sweep: define("sweep", z.object({}), z.object({})),
  inVoice: define("inVoice", Matches, z.array(SidesInVoice)),
} as const;
