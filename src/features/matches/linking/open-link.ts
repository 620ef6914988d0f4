import type { LinkStepResult } from "./link-outcome.ts";
import type { LinkAttempt, LinkPorts } from "./ports.ts";
import { isSecret, sha256 } from "./secrets.ts";

/**
 * The first step: somebody opens the link that `/link` gave. Whoever it is, Discord must say so first,
 * because a link can be sent on (§B, link forwarding). A reload does this again.
 * @param browser the cookie that this browser has already
 */
export async function openLink(
  ports: Pick<LinkPorts, "attempts" | "discord" | "clock" | "newSecret">,
  state: string | undefined,
  browser: string | undefined,
): Promise<LinkStepResult<{ readonly browser: string }>> {
  const { attempts, discord, clock, newSecret } = ports;
  if (!isSecret(state)) return { kind: "expired" };
  const attempt = await attempts.find(await sha256(state), "open", clock());
  if (attempt === null) return { kind: "expired" };
  // The one it has stays good: two tabs of one browser do not disturb each other.
  const cookie = isSecret(browser) ? browser : newSecret();
  const next = await addStep(ports, attempt, "discord", await sha256(cookie));
  return { kind: "go", url: discord.authorizeUrl(next), browser: cookie };
}

/** Adds the step that follows `attempt`, for the same person and until the same time. */
export async function addStep(
  { attempts, clock, newSecret }: Pick<LinkPorts, "attempts" | "clock" | "newSecret">,
  attempt: LinkAttempt,
  step: "discord" | "faceit",
  browserHash: string,
): Promise<string> {
  const state = newSecret();
  const stateHash = await sha256(state);
  await attempts.add({ ...attempt, stateHash, step, browserHash }, clock());
  return state;
}
