import type {
  SlashCommand,
  SlashCommandDefinition,
  SlashCommandReply,
  SlashCommandUse,
} from "../../../platform/discord/interactions/slash-command.ts";
import type { CommandPorts, FaceitFailure } from "../ports.ts";
import { commandPortsOf } from "../wire.ts";

/** The use case of a command: from how it was used to the reply. */
export type AnswerUse = (ports: CommandPorts, use: SlashCommandUse) => Promise<SlashCommandReply>;

const NOT_SERVED: SlashCommandReply = {
  content: "This server has no matches here. Ask the operator of GuildHub to add it.",
};

/** Answers only in the guilds of this deployment: anybody can be administrator of a guild of their own. */
export async function answerInServedGuild(
  answer: AnswerUse,
  ports: CommandPorts,
  use: SlashCommandUse,
): Promise<SlashCommandReply> {
  return ports.isServed(use.guildId) ? answer(ports, use) : NOT_SERVED;
}

/** A slash command that is answered in the guilds of this deployment only. */
export function servedCommand(definition: SlashCommandDefinition, answer: AnswerUse): SlashCommand {
  return {
    definition,
    run: (env, use, later) => answerInServedGuild(answer, commandPortsOf(env, later), use),
  };
}

/** The reply for a look-up at FACEIT that failed. */
export function faceitWords(failure: FaceitFailure): string {
  switch (failure.kind) {
    case "not_found":
      return "FACEIT has no player with this nickname. Capital letters matter.";
    case "refused":
      return "FACEIT does not let this server look players up. Its operator must check `FACEIT_API_KEY`.";
    case "rate_limited":
      return `FACEIT asks for a pause. Try again in ${Math.max(1, Math.ceil(failure.retryAfterMs / 1000))} seconds.`;
    case "failed":
      return "FACEIT does not answer. Try again in a moment.";
  }
}

/** The reply above the limit of look-ups. */
export const LOOKED_UP_OFTEN = "You looked up many players. Wait a minute.";
