import { configOf, type Env } from "../../../env.ts";
import { systemClock } from "../../../platform/clock.ts";
import { discordClient } from "../../../platform/discord/discord-client.ts";
import type { Later } from "../../../platform/discord/interactions/slash-command.ts";
import { takeToken } from "../../../platform/rate-limit.ts";
import { err } from "../../../platform/result.ts";
import { LINKS_PER_TEN_MINUTES, LOOKUPS_PER_MINUTE } from "../../../protocol/limits.ts";
import { d1LinkAttempts } from "../adapters/d1-link-attempts.ts";
import { d1Matches } from "../adapters/d1-matches.ts";
import { d1PlayerLinks } from "../adapters/d1-player-links.ts";
import { faceitApi } from "../adapters/http-faceit.ts";
import { linkSetup } from "../linking/link-setup.ts";
import { newSecret } from "../linking/secrets.ts";
import { matchRooms } from "../match-rooms.ts";
import type { CommandPorts } from "./ports.ts";

/** What the slash commands need, in the Worker. */
export function commandPortsOf(env: Env, later: Later): CommandPorts {
  const config = configOf(env);
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
