import {
  escapeMarkdown,
  type SlashCommandReply,
} from "../../../platform/discord/interactions/slash-command.ts";
import type { CommandPorts, PlayerLink } from "../ports.ts";
import { type AnswerUse, faceitWords, LOOKED_UP_OFTEN, servedCommand } from "./served-command.ts";

const PROOF = {
  oauth: "proven by signing in at FACEIT",
  manual: "registered by an administrator",
} as const satisfies Readonly<Record<PlayerLink["verifiedMethod"], string>>;

/** Answers `/whois`: the FACEIT account of a Discord user or the other way round; without options, the user's own. */
export const answerWhois: AnswerUse = async (ports, { userId, guildId, options }) => {
  const nickname = options["nickname"]?.trim() ?? "";
  const who = options["user"] ?? userId;
  const isByNickname = options["user"] === undefined && nickname !== "";
  if (!isByNickname && who === userId) {
    const known = await ports.links.ofDiscord(userId);
    return { content: known === null ? notLinked(userId) : describe(known) };
  }
  if (!(await ports.mayLookUp(userId))) return { content: LOOKED_UP_OFTEN };
  if (!isByNickname) {
    const known = await ports.links.ofDiscord(who);
    return describeHere(ports, guildId, known, notLinked(who));
  }
  const player = await ports.faceit.playerByNickname(nickname);
  if (!player.ok) return { content: faceitWords(player.error) };
  if (player.value === null) return { content: faceitWords({ kind: "not_found" }) };
  const [known] = await ports.links.ofPlayers([player.value.playerId]);
  const shown = escapeMarkdown(player.value.nickname);
  const nobody = `The FACEIT account **${shown}** is not linked to anybody in this server.`;
  return describeHere(ports, guildId, known ?? null, nobody);
};

/** Shows a link only in guilds where its owner is, so that other guilds do not learn who plays elsewhere. */
async function describeHere(
  { isMember }: Pick<CommandPorts, "isMember">,
  guildId: string,
  link: PlayerLink | null,
  nobody: string,
): Promise<SlashCommandReply> {
  if (link === null) return { content: nobody };
  const isHere = await isMember(guildId, link.discordId);
  if (isHere === null) return { content: "Discord does not answer. Try again in a moment." };
  return { content: isHere ? describe(link) : nobody };
}

function notLinked(discordId: string): string {
  return `<@${discordId}> is not linked to FACEIT.`;
}

function describe({ discordId, faceitId, nickname, ...proof }: PlayerLink): string {
  const { verifiedMethod, linkedAt } = proof;
  const since = `<t:${Math.floor(linkedAt / 1000)}:D>`;
  return `<@${discordId}> is **${escapeMarkdown(nickname || faceitId)}** at FACEIT: ${PROOF[verifiedMethod]}, ${since}.`;
}

/** The slash command `/whois`. */
export const whois = servedCommand(
  {
    name: "whois",
    description: "See who somebody is at FACEIT, or in Discord",
    contexts: [0],
    options: [
      { name: "user", description: "Somebody in Discord", type: 6, required: false },
      {
        name: "nickname",
        description: "A nickname at FACEIT",
        type: 3,
        required: false,
        max_length: 64,
      },
    ],
  },
  answerWhois,
);
