import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import type { LinkPorts } from "../ports.ts";
import { sha256 } from "./secrets.ts";

/**
 * Begins a linking for somebody whom Discord vouches for.
 * @param pageUrl where `GET /faceit/link` is
 * @returns the address to open within {@link LINK_TTL_MS}
 */
export async function beginLink(
  ports: Pick<LinkPorts, "attempts" | "clock" | "newSecret">,
  who: { readonly discordId: string; readonly guildId: string },
  pageUrl: string,
): Promise<string> {
  const { attempts, clock, newSecret } = ports;
  const state = newSecret();
  const now = clock();
  await attempts.add(
    {
      stateHash: await sha256(state),
      step: "open",
      discordId: who.discordId,
      guildId: who.guildId,
      browserHash: null,
      expiresAt: now + LINK_TTL_MS,
    },
    now,
  );
  const url = new URL(pageUrl);
  url.searchParams.set("state", state);
  return url.href;
}
