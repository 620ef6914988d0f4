import { callCommand } from "../../../hub/command.ts";
import type { HubPublisher } from "../../../hub/publisher.ts";
import { log } from "../../../platform/log.ts";
import { roomDeleted } from "../../../protocol/events/rooms.ts";
import { MATCHES_COMMANDS } from "../hub-commands.ts";
import type { MatchesHub } from "../ports.ts";

/** {@link MatchesHub} over the commands of the hub's matches extension, and what all areas of it hear. */
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
