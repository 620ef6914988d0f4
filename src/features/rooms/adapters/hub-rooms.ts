import type { z } from "zod";
import type { HubPublisher } from "../../../hub/publisher.ts";
import { ROOMS_COMMANDS, ROOMS_EXTENSION, type HubCommand } from "../hub-commands.ts";
import type { RoomsHub } from "../ports.ts";

/** {@link RoomsHub} over the commands of the hub's rooms extension. */
export function hubRooms(hub: Pick<HubPublisher, "command">): RoomsHub {
  async function run<Input extends z.ZodType, Output extends z.ZodType>(
    guildId: string,
    command: HubCommand<Input, Output>,
    input: z.input<Input>,
  ): Promise<z.output<Output>> {
    return command.output.parse(
      await hub.command(guildId, `${ROOMS_EXTENSION}.${command.name}`, input),
    );
  }

  const { reserve, open, giveUp, doubt, recover, end, read, people } = ROOMS_COMMANDS;
  return {
    reserve: async (room) => void (await run(room.guildId, reserve, room)),
    open: async ({ guildId, id }, { id: channelId, name }) =>
      (await run(guildId, open, { id, channel: { id: channelId, name } })).outcome,
    giveUp: async ({ guildId, id }) => void (await run(guildId, giveUp, { id })),
    doubt: async ({ guildId, id }) => void (await run(guildId, doubt, { id })),
    recover: async (guildId, createdBy, idempotencyKey) =>
      run(guildId, recover, { createdBy, idempotencyKey }),
    end: async (guildId, channelId) => void (await run(guildId, end, { channelId })),
    read: async (guildId, channelIds) =>
      channelIds.length === 0 ? [] : run(guildId, read, { channelIds: [...channelIds] }),
    people: async (guildId, query) => run(guildId, people, query),
  };
}
