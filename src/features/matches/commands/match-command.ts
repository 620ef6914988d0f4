import type {
  SlashCommand,
  SlashCommandDefinition,
  SlashCommandReply,
  SlashCommandUse,
} from "../../../platform/discord/interactions/slash-command.ts";
import { commandPortsOf } from "../wire.ts";
import type { CommandPorts } from "./ports.ts";

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
