import { z } from "zod";
import { callCommand, hubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import { log } from "../../platform/log.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { roomDeleted } from "../../protocol/events/rooms.ts";
import { FaceitId, Match } from "../../protocol/match.ts";
import type { MatchesHub } from "./ports.ts";

const Users = z.object({ userIds: z.array(DiscordId) });
const Somewhere = z.object({ userId: DiscordId, channelId: DiscordId });
const Matches = z.object({ matchIds: z.array(FaceitId) });
const SidesInVoice = z.object({
  matchId: FaceitId,
  faction1: z.array(DiscordId),
  faction2: z.array(DiscordId),
  // A hub of the previous version does not send these.
  isKnown: z.boolean().default(false),
  bots: z.array(DiscordId).default([]),
});

/** The commands of the hub's matches extension. `MatchesHub` in ports.ts documents each. */
export const MATCHES_COMMANDS = {
  put: hubCommand("matches.put", Match, z.object({})),
  whereabouts: hubCommand("matches.whereabouts", Users, z.array(Somewhere)),
  sweep: hubCommand("matches.sweep", z.object({}), z.object({})),
  inVoice: hubCommand("matches.inVoice", Matches, z.array(SidesInVoice)),
} as const;

/** {@link MatchesHub} over these commands and over an event that all areas of the hub receive. */
export function hubMatches(hub: Pick<HubPublisher, "command" | "ingest">): MatchesHub {
  const { put, whereabouts, sweep, inVoice } = MATCHES_COMMANDS;
  return {
    put: async (record) => void (await callCommand(hub, record.guildId, put, record)),
    channelGone: async (guildId, channelId) => {
      try {
        const payload = { guildId, channelId };
        await hub.ingest(guildId, [{ event: roomDeleted.name, payload }]);
      } catch (error) {
        log("warn", "match.channel_gone_not_told", { guildId, channelId, error });
      }
    },
    whereabouts: async (guildId, userIds) =>
      userIds.length === 0 ? [] : callCommand(hub, guildId, whereabouts, { userIds: [...userIds] }),
    sweep: async (guildId) => void (await callCommand(hub, guildId, sweep, {})),
    inVoice: async (guildId, matchIds) => {
      if (matchIds.length === 0) return new Map();
      const sides = await callCommand(hub, guildId, inVoice, { matchIds: [...matchIds] });
      return new Map(sides.map(({ matchId, ...voice }) => [matchId, voice] as const));
    },
  };
}
