import { escapeMarkdown } from "../../../platform/discord/interactions/escape-markdown.ts";
import type { NewMessage } from "../../../platform/discord/operations.ts";
import type { LinkOutcome } from "./link-outcome.ts";
import type { DiscordUser, LinkPorts } from "./ports.ts";
import { takeReturn, toOutcome, type ProviderReturn } from "./provider-return.ts";
import { tellMatches } from "./tell-matches.ts";

/**
 * The last step: FACEIT has said whose account it is. Writes the link; who is to hear of it hears of it
 * after the answer.
 * @param browser the cookie of the browser
 * @param discord who signed in at Discord in this browser last: in two tabs two people may link
 */
export async function returnFromFaceit(
  ports: Omit<LinkPorts, "discord" | "newSecret">,
  back: ProviderReturn,
  browser: string | undefined,
  discord: DiscordUser | null,
): Promise<LinkOutcome> {
  const taken = await takeReturn(ports, "FACEIT", back, browser);
  if (taken.kind !== "counted") return taken;
  const { discordId } = taken.attempt;
  const verifier = await ports.verifierOf(back.state ?? "");
  const player = await ports.faceit.whoIs(taken.code, verifier);
  if (!player.ok) {
    return player.error.kind === "no_account_id"
      ? { kind: "no_account_id" }
      : toOutcome("FACEIT", player.error);
  }
  const { playerId, nickname } = player.value;
  const link = {
    discordId,
    faceitId: playerId,
    nickname,
    verifiedMethod: "oauth",
    linkedAt: ports.clock(),
  } as const;
  const linked = await ports.links.put(link, discordId);
  if (linked.kind !== "linked") throw new Error("a proven link was refused for another proven one");
  // What else this person has open would only do the same again.
  await ports.attempts.forget(discordId);
  const { replaced, takenFrom } = linked;
  ports.later(tellMatches(ports, replaced === null ? [playerId] : [playerId, replaced]));
  ports.later(ports.tell(discordId, nowLinked(nickname)));
  if (takenFrom !== null) ports.later(ports.tell(takenFrom, takenOver(nickname)));
  const discordName = discord?.id === discordId ? discord.name : null;
  return { kind: "linked", nickname, discordName };
}

function nowLinked(nickname: string): NewMessage {
  return {
    content: `You are linked to the FACEIT account **${escapeMarkdown(nickname)}**. When you play a match, you get into your side's voice channel. \`/unlink\` in the server undoes this.`,
  };
}

function takenOver(nickname: string): NewMessage {
  return {
    content: `The FACEIT account **${escapeMarkdown(nickname)}** is no longer linked to you: somebody signed in at FACEIT with it and linked it to another Discord account. If that was not you, change your password at FACEIT, then use \`/link\` again.`,
  };
}
