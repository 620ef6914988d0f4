import { escapeMarkdown } from "../../../platform/discord/interactions/escape-markdown.ts";
import type { PlayerLink } from "../ports.ts";
import { faceitWords, LOOKED_UP_OFTEN } from "./faceit-words.ts";
import { matchCommand, type AnswerUse } from "./match-command.ts";

const PROOF = {
  oauth: "proven by signing in at FACEIT",
  manual: "registered by an administrator",
} as const satisfies Readonly<Record<PlayerLink["verifiedMethod"], string>>;

/** `/whois`: who somebody in Discord is at FACEIT, or the other way round; without either, oneself. */
export const answerWhois: AnswerUse = async (ports, { userId, options }) => {
  const nickname = options["nickname"]?.trim() ?? "";
  if (options["user"] !== undefined || nickname === "") {
    const who = options["user"] ?? userId;
    const known = await ports.links.ofDiscord(who);
    return { content: known === null ? `<@${who}> is not linked to FACEIT.` : describe(known) };
  }
  if (!(await ports.mayLookUp(userId))) return { content: LOOKED_UP_OFTEN };
  const player = await ports.faceit.playerByNickname(nickname);
  if (!player.ok) return { content: faceitWords(player.error) };
  if (player.value === null) return { content: faceitWords({ kind: "not_found" }) };
  const [known] = await ports.links.ofPlayers([player.value.playerId]);
  const shown = escapeMarkdown(player.value.nickname);
  return {
    content:
      known === undefined
        ? `The FACEIT account **${shown}** is not linked to anybody in Discord.`
        : describe(known),
  };
};

function describe({ discordId, nickname, verifiedMethod, linkedAt }: PlayerLink): string {
  const since = `<t:${Math.floor(linkedAt / 1000)}:D>`;
  return `<@${discordId}> is **${escapeMarkdown(nickname)}** at FACEIT: ${PROOF[verifiedMethod]}, ${since}.`;
}

export const whois = matchCommand(
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
