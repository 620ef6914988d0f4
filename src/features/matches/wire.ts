import { hubPublisher } from "../../hub/guild-hub-client.ts";
import { systemClock } from "../../platform/clock.ts";
import { discordClient } from "../../platform/discord/discord-client.ts";
import type { Later } from "../../platform/discord/interactions/slash-command.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import { log } from "../../platform/log.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { LINKS_PER_TEN_MINUTES, LOOKUPS_PER_MINUTE } from "../../protocol/limits.ts";
import { d1LinkAttempts, d1PlayerLinks } from "./adapters/d1-links.ts";
import { d1MatchTroubles } from "./adapters/d1-match-troubles.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import { httpDiscordIdentity } from "./adapters/http-discord-identity.ts";
import { httpFaceitIdentity } from "./adapters/http-faceit-identity.ts";
import { faceitApi } from "./adapters/http-faceit.ts";
import { hubMatches } from "./adapters/hub-matches.ts";
import { matchesConfigOf, matchSettingsOf } from "./config.ts";
import { matchesEnv, matchRoom, matchRooms } from "./env.ts";
import type { MatchesHubPorts } from "./hub-extension.ts";
import { linkSetup } from "./linking/link-setup.ts";
import { newSecret, verifiersOf } from "./linking/secrets.ts";
import type { CommandPorts, LinkPorts } from "./ports.ts";
import type { ReadPorts } from "./read-matches.ts";
import { sweepOrphans } from "./sweep.ts";

/** What the routes that only read need, in the Worker. */
export function readPortsOf(env: PlatformEnv): ReadPorts {
  return {
    store: d1Matches(env.DB),
    hub: hubMatches(hubPublisher(matchesEnv(env))),
    primaryGuildId: matchesConfigOf(env).primaryGuildId,
  };
}

/** What the matches part of a hub asks of the rest. */
export const MATCHES_HUB_PORTS: MatchesHubPorts = {
  look: async (env, record, channels) => {
    const room = matchRoom(env, record.matchId);
    if ((await room.look(channels)) === "unknown") await room.revive(record);
  },
  sweep: (env, guildId) =>
    sweepOrphans(
      {
        discord: discordClient(env, 0, `sweep of ${guildId}`),
        settings: matchSettingsOf(matchesConfigOf(env), guildId),
        troubles: d1MatchTroubles(env.DB),
        store: d1Matches(env.DB),
        hub: hubMatches(hubPublisher(env)),
        look: async (matchId) => matchRoom(env, matchId).look(false),
        clock: systemClock,
      },
      guildId,
    ),
};

/** What the slash commands need, in the Worker. */
export function commandPortsOf(env: PlatformEnv, later: Later): CommandPorts {
  const config = matchesConfigOf(env);
  const setup = linkSetup(config);
  const { organizers, apiKey } = config.faceit;
  const mayDo = async (
    name: string,
    key: string,
    quota: number,
    windowMs: number,
  ): Promise<boolean> => (await takeToken(env, { name, key, quota, windowMs })).allowed;
  return {
    attempts: d1LinkAttempts(env.DB),
    links: d1PlayerLinks(env.DB),
    matches: d1Matches(env.DB),
    rooms: matchRooms(env),
    faceit:
      apiKey === undefined
        ? { playerByNickname: () => Promise.resolve(err({ kind: "refused" })) }
        : faceitApi(config.faceit),
    linkPage: setup.ok ? { ok: true, value: setup.value.pageUrl } : setup,
    isServed: (guildId) =>
      guildId === config.primaryGuildId || organizers.some((one) => one.guildId === guildId),
    mayRegister: (guildId) => guildId === config.primaryGuildId,
    isMember: async (guildId, discordId) => {
      const member = await discordClient(env).isMember(guildId, discordId);
      return member.ok ? member.value : null;
    },
    mayBegin: (id) => mayDo("link", id, LINKS_PER_TEN_MINUTES, 600_000),
    mayLookUp: (id) => mayDo("look-up", id, LOOKUPS_PER_MINUTE, 60_000),
    clock: systemClock,
    newSecret,
    later,
  };
}

/**
 * What the steps of a linking need, in the Worker.
 * @returns the names of the variables that are missing, if there are
 */
export function linkPortsOf(env: PlatformEnv, later: Later): Result<LinkPorts, readonly string[]> {
  const config = matchesConfigOf(env);
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
