import { matchSettingsOf } from "../../config.ts";
import { configOf, type Env } from "../../env.ts";
import { systemClock } from "../../platform/clock.ts";
import { discordClient } from "../../platform/discord/discord-client.ts";
import { hubPublisher } from "../../hub/guild-hub-client.ts";
import { d1MatchTroubles } from "./adapters/d1-match-troubles.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import { hubMatches } from "./adapters/hub-matches.ts";
import type { MatchesHubPorts } from "./hub-extension.ts";
import { matchRoom } from "./match-rooms.ts";
import { sweepOrphans } from "./sweep.ts";

/** What the matches part of a hub asks of the rest. */
export const MATCHES_HUB_PORTS: MatchesHubPorts = {
  look: async (env: Env, record, channels) => {
    const room = matchRoom(env, record.matchId);
    if ((await room.look(channels)) === "unknown") await room.revive(record);
  },
  sweep: (env: Env, guildId) =>
    sweepOrphans(
      {
        discord: discordClient(env, 0, `sweep of ${guildId}`),
        settings: matchSettingsOf(configOf(env), guildId),
        troubles: d1MatchTroubles(env.DB),
        store: d1Matches(env.DB),
        hub: hubMatches(hubPublisher(env)),
        look: async (matchId) => matchRoom(env, matchId).look(false),
        clock: systemClock,
      },
      guildId,
    ),
};
