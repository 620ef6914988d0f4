import { escapeMarkdown } from "../../../platform/discord/interactions/escape-markdown.ts";
import { tellMatches } from "../linking/tell-matches.ts";
import { matchCommand, type AnswerUse } from "./match-command.ts";

/** `/unlink`: takes away one's own link, and what was begun. */
export const answerUnlink: AnswerUse = async (ports, { userId }) => {
  await ports.attempts.forget(userId);
  const removed = await ports.links.remove(userId, userId, ports.clock());
  if (removed === null) return { content: "You are not linked to any FACEIT account." };
  ports.later(tellMatches(ports, [removed.faceitId]));
  return {
    content: `You are no longer linked to the FACEIT account **${escapeMarkdown(removed.nickname)}**. \`/link\` links you again.`,
  };
};

/** The slash command `/unlink`. */
export const unlink = matchCommand(
  { name: "unlink", description: "Undo the link to your FACEIT account", contexts: [0] },
  answerUnlink,
);
