import { escapeMarkdown } from "../../../platform/discord/interactions/slash-command.ts";
import { type AnswerUse, faceitWords, LOOKED_UP_OFTEN, servedCommand } from "./served-command.ts";

const ADMINISTRATOR = 1n << 3n;

/** Answers `/register`: an administrator links another user. A link proven by OAuth is never replaced. */
export const answerRegister: AnswerUse = async (
  ports,
  { userId, guildId, permissions, options },
) => {
  // Discord shows the command to administrators only, but a guild's owner can change that.
  if ((permissions & ADMINISTRATOR) === 0n) {
    return { content: "Only an administrator can register others. Use `/link`." };
  }
  // Links hold in every guild: an administrator of one would decide who enters channels of another.
  if (!ports.mayRegister(guildId)) {
    return {
      content:
        "Players are registered in the main server of this GuildHub only, because it counts in all of its servers. Here they use `/link`.",
    };
  }
  const discordId = options["user"];
  const nickname = options["nickname"]?.trim() ?? "";
  if (discordId === undefined || nickname === "") {
    return { content: "Say who, and their nickname at FACEIT." };
  }
  if (!(await ports.mayLookUp(userId))) return { content: LOOKED_UP_OFTEN };
  const player = await ports.faceit.playerByNickname(nickname);
  if (!player.ok) return { content: faceitWords(player.error) };
  if (player.value === null) return { content: faceitWords({ kind: "not_found" }) };
  const { playerId } = player.value;
  const linked = await ports.links.put(
    {
      discordId,
      faceitId: playerId,
      nickname: player.value.nickname,
      verifiedMethod: "manual",
      linkedAt: ports.clock(),
    },
    userId,
  );
  const shown = `**${escapeMarkdown(player.value.nickname)}**`;
  if (linked.kind === "proven_by_other") {
    return {
      content: `<@${discordId}> or ${shown} was linked by signing in at FACEIT already, and registering cannot replace that. \`/whois\` shows the link; its owner can use \`/unlink\`.`,
    };
  }
  const { replaced, takenFrom } = linked;
  ports.later(ports.tellMatches(replaced === null ? [playerId] : [playerId, replaced]));
  const before =
    takenFrom === null ? "" : ` <@${takenFrom}>, who was linked to it before, no longer is.`;
  return { content: `<@${discordId}> is registered as ${shown}.${before}` };
};

/** The slash command `/register`, for administrators. */
export const register = servedCommand(
  {
    name: "register",
    description: "Register who somebody is at FACEIT, without their signing in",
    default_member_permissions: ADMINISTRATOR.toString(),
    contexts: [0],
    options: [
      { name: "user", description: "Somebody in Discord", type: 6, required: true },
      {
        name: "nickname",
        description: "Their nickname at FACEIT",
        type: 3,
        required: true,
        max_length: 64,
      },
    ],
  },
  answerRegister,
);
