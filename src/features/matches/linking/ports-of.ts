import { configOf, type Env } from "../../../env.ts";
import { systemClock } from "../../../platform/clock.ts";
import { discordClient } from "../../../platform/discord/discord-client.ts";
import type { Later } from "../../../platform/discord/interactions/slash-command.ts";
import { log } from "../../../platform/log.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { d1LinkAttempts } from "../adapters/d1-link-attempts.ts";
import { d1Matches } from "../adapters/d1-matches.ts";
import { d1PlayerLinks } from "../adapters/d1-player-links.ts";
import { httpDiscordIdentity } from "../adapters/http-discord-identity.ts";
import { httpFaceitIdentity } from "../adapters/http-faceit-identity.ts";
import { matchRooms } from "../match-rooms.ts";
import { linkSetup } from "./link-setup.ts";
import type { LinkPorts } from "./ports.ts";
import { newSecret, verifiersOf } from "./secrets.ts";

/**
 * What the steps of a linking need, in the Worker.
 * @returns the names of the variables that are missing, if there are
 */
export function linkPortsOf(env: Env, later: Later): Result<LinkPorts, readonly string[]> {
  const config = configOf(env);
  const setup = linkSetup(config);
  if (!setup.ok) return err(setup.error);
  // Called late: tests replace it.
  const send = (url: string, init: RequestInit): Promise<Response> => fetch(url, init);
  return ok({
    attempts: d1LinkAttempts(env.DB),
    discord: httpDiscordIdentity(setup.value.discord, send),
    faceit: httpFaceitIdentity(setup.value.faceit, send),
    links: d1PlayerLinks(env.DB),
    matches: d1Matches(env.DB),
    rooms: matchRooms(env),
    tell: async (discordId, message) => {
      const sent = await discordClient(env).sendDirectMessage(discordId, message);
      if (!sent.ok) log("warn", "link.message_not_sent", { reason: sent.error.kind });
    },
    clock: systemClock,
    newSecret,
    verifierOf: verifiersOf(config.hubSecrets[0]),
    later,
  });
}
