import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
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
import { faceitApi } from "./adapters/http-faceit.ts";
import {
  type DiscordIdentityConfig,
  httpDiscordIdentity,
  httpFaceitIdentity,
} from "./adapters/http-identities.ts";
import {
  guildOfOwners,
  type FaceitConfig,
  type MatchesConfig,
  matchesConfigOf,
  matchSettingsOf,
} from "./config.ts";
import { matchesEnv, matchRoom } from "./env.ts";
import { hubMatches } from "./hub-commands.ts";
import { newSecret, verifiersOf } from "./linking/secrets.ts";
import type { CommandPorts, LinkPorts, MatchesHubPorts, ReadPorts, RoomPorts } from "./ports.ts";
import { sweepOrphans } from "./sweep.ts";

export function readPortsOf(env: PlatformEnv): ReadPorts {
  return {
    store: d1Matches(env.DB),
    hub: hubMatches(hubPublisher(GUILD_HUBS, matchesEnv(env))),
    primaryGuildId: matchesConfigOf(env).primaryGuildId,
  };
}

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
        hub: hubMatches(hubPublisher(GUILD_HUBS, env)),
        look: async (matchId) => matchRoom(env, matchId).look(false),
        clock: systemClock,
      },
      guildId,
    ),
};

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
    tellMatches: (faceitIds) => tellMatches(env, faceitIds),
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

/** @returns the error is the names of the variables that linking lacks */
export function linkPortsOf(env: PlatformEnv, later: Later): Result<LinkPorts, readonly string[]> {
  const config = matchesConfigOf(env);
  const setup = linkSetup(config);
  if (!setup.ok) return err(setup.error);
  return ok({
    attempts: d1LinkAttempts(env.DB),
    discord: httpDiscordIdentity(setup.value.discord),
    faceit: httpFaceitIdentity(setup.value.faceit),
    links: d1PlayerLinks(env.DB),
    tellMatches: (faceitIds) => tellMatches(env, faceitIds),
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

async function tellMatches(env: PlatformEnv, faceitIds: readonly string[]): Promise<void> {
  try {
    const live = await d1Matches(env.DB).liveMatchesOf(faceitIds);
    const told = await Promise.allSettled(live.map((id) => matchRoom(env, id).look(false)));
    const failed = told.filter(({ status }) => status === "rejected").length;
    if (failed > 0) log("warn", "match_rooms.not_told", { failed });
  } catch (error) {
    log("warn", "link.matches_not_told", { error });
  }
}

/** Path of the page that a person opens first, and to which Discord redirects them back. */
export const LINK_PATH = "/faceit/link";

/** The configuration of a deployment where accounts can be linked. */
export type LinkSetup = {
  readonly discord: DiscordIdentityConfig;
  readonly faceit: NonNullable<FaceitConfig["oauth"]>;
  /** The full address of {@link LINK_PATH}. */
  readonly pageUrl: string;
};

/** The configuration of linking. @returns the error is the names of the variables that are missing */
export function linkSetup(
  config: Pick<MatchesConfig, "faceit" | "discordApp" | "discordApiUrl">,
): Result<LinkSetup, readonly string[]> {
  const { faceit, discordApp, discordApiUrl } = config;
  const { oauth } = faceit;
  const { id: clientId, clientSecret, authorizeUrl } = discordApp;
  if (oauth === undefined || clientId === undefined || clientSecret === undefined) {
    return err([
      ...(oauth === undefined ? ["FACEIT_CLIENT_ID", "FACEIT_REDIRECT_URI"] : []),
      ...(clientId === undefined ? ["DISCORD_APPLICATION_ID"] : []),
      ...(clientSecret === undefined ? ["DISCORD_CLIENT_SECRET"] : []),
    ]);
  }
  // Derived from the variable, because a proxy may hide the address that browsers use.
  const pageUrl = new URL(LINK_PATH, oauth.redirectUri).href;
  const redirectUri = pageUrl;
  return ok({
    discord: { apiUrl: discordApiUrl, authorizeUrl, clientId, clientSecret, redirectUri },
    faceit: oauth,
    pageUrl,
  });
}

/** Discord's client here never waits for a rate limit: the match retries by its alarm. */
export function roomPortsOf(env: PlatformEnv, matchId: string): RoomPorts {
  const config = matchesConfigOf(env);
  const { faceit, primaryGuildId } = config;
  return {
    faceit: faceitApi(faceit),
    hasApi: faceit.apiKey !== undefined,
    discord: discordClient(env, 0, matchId),
    store: d1Matches(env.DB),
    links: d1PlayerLinks(env.DB),
    troubles: d1MatchTroubles(env.DB),
    hub: hubMatches(hubPublisher(GUILD_HUBS, matchesEnv(env))),
    settingsOf: (guildId) => matchSettingsOf(config, guildId),
    guildOf: (owners) => guildOfOwners(owners, faceit, primaryGuildId),
    clock: systemClock,
  };
}
