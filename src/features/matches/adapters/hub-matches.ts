import type { z } from "zod";
import type { HubPublisher } from "../../../hub/publisher.ts";
import { log } from "../../../platform/log.ts";
import { roomDeleted } from "../../../protocol/events/rooms.ts";
import { MATCHES_COMMANDS, MATCHES_EXTENSION, type HubCommand } from "../hub-commands.ts";
import type { MatchesHub } from "../ports.ts";

/** {@link MatchesHub} over the commands of the hub's matches extension, and what all areas of it hear. */
export function hubMatches(hub: Pick<HubPublisher, "command" | "ingest">): MatchesHub {
  async function run<Input extends z.ZodType, Output extends z.ZodType>(
    guildId: string,
    command: HubCommand<Input, Output>,
    input: z.input<Input>,
  ): Promise<z.output<Output>> {
    return command.output.parse(
      await hub.command(guildId, `${MATCHES_EXTENSION}.${command.name}`, input),
    );
  }

  const { put, whereabouts, sweep, inVoice } = MATCHES_COMMANDS;
  return {
    put: async (record) => void (await run(record.guildId, put, record)),
    channelGone: async (guildId, channelId) => {
      try {
        const payload = { guildId, channelId };
        await hub.ingest(guildId, [{ event: roomDeleted.name, payload }]);
      } catch (error) {
        log("warn", "match.channel_gone_not_told", { guildId, channelId, error });
      }
    },
    whereabouts: async (guildId, userIds) =>
      userIds.length === 0 ? [] : run(guildId, whereabouts, { userIds: [...userIds] }),
    sweep: async (guildId) => void (await run(guildId, sweep, {})),
    inVoice: async (guildId, matchIds) => {
      if (matchIds.length === 0) return new Map();
      const sides = await run(guildId, inVoice, { matchIds: [...matchIds] });
      return new Map(sides.map(({ matchId, ...voice }) => [matchId, voice] as const));
    },
  };
}
