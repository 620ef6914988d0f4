import type { z } from "zod";
import type { HubPublisher } from "../../../hub/publisher.ts";
import { MATCHES_COMMANDS, MATCHES_EXTENSION, type HubCommand } from "../hub-commands.ts";
import type { MatchesHub } from "../ports.ts";

/** {@link MatchesHub} over the commands of the hub's matches extension. */
export function hubMatches(hub: Pick<HubPublisher, "command">): MatchesHub {
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
