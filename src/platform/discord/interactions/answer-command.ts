import { INTERACTION_DEADLINE_MS } from "../../../protocol/limits.ts";
import { within } from "../../clock.ts";
import type { PlatformEnv } from "../../env.ts";
import { log } from "../../log.ts";
import type { CommandInteraction } from "./interaction.ts";
import type { Later, SlashCommand, SlashCommandReply } from "./slash-command.ts";

/** What the person reads when a command is not here any more, or not here yet. */
export const UNKNOWN_COMMAND: SlashCommandReply = {
  content: "I do not know this command any more. Reload Discord, and pick it from the list again.",
};

const ONLY_IN_SERVERS: SlashCommandReply = {
  content: "I answer commands in a server only. Use it there: only you will see my answer.",
};

const TRY_AGAIN: SlashCommandReply = {
  content: "Something went wrong on my side. Try again in a moment.",
};

const TOOK_TOO_LONG: SlashCommandReply = {
  content: "This takes longer than usual. Look in a minute whether it is done, or try again.",
};

/**
 * Answers a command by whoever contributed it, whatever happens inside: Discord shows a person that
 * nobody answered as "the application did not respond", which tells them nothing.
 * @param deadlineMs milliseconds after which the person is told that it takes longer
 */
export async function answerCommand(
  commands: readonly SlashCommand[],
  env: PlatformEnv,
  { guild_id: guildId, member, data }: CommandInteraction,
  later: Later,
  deadlineMs: number = INTERACTION_DEADLINE_MS,
): Promise<SlashCommandReply> {
  if (guildId === undefined || member === undefined) return ONLY_IN_SERVERS;
  const command = commands.find(({ definition }) => definition.name === data.name);
  if (command === undefined) return UNKNOWN_COMMAND;
  const options = (data.options ?? []).flatMap(({ name, value }) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  const use = {
    guildId,
    userId: member.user.id,
    permissions: BigInt(member.permissions),
    options: Object.fromEntries(options),
  };
  const answered = run(command, env, use, later);
  later(answered);
  return within(deadlineMs, answered, () => TOOK_TOO_LONG);
}

async function run(
  command: SlashCommand,
  ...use: Parameters<SlashCommand["run"]>
): Promise<SlashCommandReply> {
  try {
    return await command.run(...use);
  } catch (error) {
    log("error", "interaction.failed", { command: command.definition.name, error });
    return TRY_AGAIN;
  }
}
