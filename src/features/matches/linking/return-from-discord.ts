import type { LinkStepResult } from "./link-outcome.ts";
import { addStep } from "./open-link.ts";
import type { DiscordUser, LinkPorts } from "./ports.ts";
import { takeReturn, toOutcome, type ProviderReturn } from "./provider-return.ts";
import { sha256 } from "./secrets.ts";

/**
 * The second step: Discord has said who is at this browser. Only who used `/link` goes on to FACEIT.
 * @param browser the cookie of the browser
 */
export async function returnFromDiscord(
  ports: Pick<LinkPorts, "attempts" | "discord" | "faceit" | "clock" | "newSecret" | "verifierOf">,
  back: ProviderReturn,
  browser: string | undefined,
): Promise<LinkStepResult<{ readonly browser: string; readonly discord: DiscordUser }>> {
  const taken = await takeReturn(ports, "Discord", back, browser);
  if (taken.kind !== "counted") return taken;
  const user = await ports.discord.whoIs(taken.code);
  if (!user.ok) return toOutcome("Discord", user.error);
  if (user.value.id !== taken.attempt.discordId) return { kind: "other_discord_user" };
  const state = await addStep(ports, taken.attempt, "faceit", taken.browserHash);
  const challenge = await sha256(await ports.verifierOf(state));
  return {
    kind: "go",
    url: ports.faceit.authorizeUrl(state, challenge),
    browser: taken.browser,
    discord: user.value,
  };
}
