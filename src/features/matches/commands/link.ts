import { escapeMarkdown } from "../../../platform/discord/interactions/slash-command.ts";
import { beginLink } from "../linking/link-steps.ts";
import { type AnswerUse, servedCommand } from "./served-command.ts";

const HOW =
  "The button works for ten minutes, and only for you: you sign in at Discord, then at FACEIT, in one browser.";

/** Answers `/link` with a button that begins a linking. */
export const answerLink: AnswerUse = async (ports, { userId, guildId }) => {
  if (!ports.linkPage.ok) {
    const missing = ports.linkPage.error.map((name) => `\`${name}\``).join(", ");
    return {
      content: `Linking is not set up here: the operator of this server must set ${missing}. Until then an administrator can use \`/register\`.`,
    };
  }
  if (!(await ports.mayBegin(userId))) {
    return { content: "You asked for many links. Use the last one, or wait some minutes." };
  }
  const [known, url] = await Promise.all([
    ports.links.ofDiscord(userId),
    beginLink(ports, { discordId: userId, guildId }, ports.linkPage.value),
  ]);
  if (known === null) {
    return {
      content: `Link your FACEIT account, and you get into your side's voice channel when you play. ${HOW}`,
      button: { label: "Link FACEIT", url },
    };
  }
  return {
    content: `You are linked to the FACEIT account **${escapeMarkdown(known.nickname)}** already. To link another one, or to prove this one again, use the button. ${HOW}`,
    button: { label: "Change the link", url },
  };
};

/** The slash command `/link`. */
export const link = servedCommand(
  {
    name: "link",
    description: "Link your FACEIT account, to get into your side's voice channel",
    contexts: [0],
  },
  answerLink,
);

/** Answers `/unlink`: removes the user's own link, and pending steps of linking. */
export const answerUnlink: AnswerUse = async (ports, { userId }) => {
  await ports.attempts.forget(userId);
  const removed = await ports.links.remove(userId, userId, ports.clock());
  if (removed === null) return { content: "You are not linked to any FACEIT account." };
  ports.later(ports.tellMatches([removed.faceitId]));
  return {
    content: `You are no longer linked to the FACEIT account **${escapeMarkdown(removed.nickname)}**. \`/link\` links you again.`,
  };
};

/** The slash command `/unlink`. */
export const unlink = servedCommand(
  { name: "unlink", description: "Undo the link to your FACEIT account", contexts: [0] },
  answerUnlink,
);
