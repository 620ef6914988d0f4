import type {
  SlashCommand,
  SlashCommandDefinition,
  SlashCommandReply,
  SlashCommandUse,
} from "../../../platform/discord/interactions/slash-command.ts";
import type { CommandPorts, FaceitFailure } from "../ports.ts";
import { commandPortsOf } from "../wire.ts";

/** A command as its use case: who used it how, and what they read. */
export type AnswerUse = (ports: CommandPorts, use: SlashCommandUse) => Promise<SlashCommandReply>;

const NOT_SERVED: SlashCommandReply = {
  content: "This server has no matches here. Ask whoever runs GuildHub to add it.",
};

/** Answers in the guilds of this deployment only: elsewhere anybody can make themselves administrator. */
export async function answerInServedGuild(
  answer: AnswerUse,
  ports: CommandPorts,
  use: SlashCommandUse,
): Promise<SlashCommandReply> {
  return ports.isServed(use.guildId) ? answer(ports, use) : NOT_SERVED;
}

/** A slash command of matches. */
export function matchCommand(definition: SlashCommandDefinition, answer: AnswerUse): SlashCommand {
  return {
    definition,
    run: (env, use, later) => answerInServedGuild(answer, commandPortsOf(env, later), use),
  };
}

/** Why FACEIT did not look somebody up, as the person reads it. */
export function faceitWords(failure: FaceitFailure): string {
  switch (failure.kind) {
    case "not_found":
      return "FACEIT has no player with this nickname. Mind capital letters.";
    case "refused":
      return "FACEIT does not let this server look players up. Whoever runs it must check `FACEIT_API_KEY`.";
    case "rate_limited":
      return `FACEIT asks for a pause. Try again in ${Math.max(1, Math.ceil(failure.retryAfterMs / 1000))} seconds.`;
    case "failed":
      return "FACEIT does not answer. Try again in a moment.";
  }
}

/** What somebody reads who looks up more players than a minute allows. */
export const LOOKED_UP_OFTEN = "You looked up many players. Wait a minute.";
