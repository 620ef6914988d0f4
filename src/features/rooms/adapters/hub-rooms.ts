import { callCommand } from "../../../hub/command.ts";
import type { HubPublisher } from "../../../hub/publisher.ts";
import { ROOMS_COMMANDS } from "../hub-commands.ts";
import type { RoomsHub } from "../ports.ts";

/** {@link RoomsHub} over the commands of the hub's rooms extension. */
export function hubRooms(hub: Pick<HubPublisher, "command">): RoomsHub {
  const { reserve, open, giveUp, doubt, recover, end, read, people } = ROOMS_COMMANDS;
  return {
    reserve: async (room) => void (await callCommand(hub, room.guildId, reserve, room)),
    open: async ({ guildId, id }, { id: channelId, name }) =>
      (await callCommand(hub, guildId, open, { id, channel: { id: channelId, name } })).outcome,
    giveUp: async ({ guildId, id }) => void (await callCommand(hub, guildId, giveUp, { id })),
    doubt: async ({ guildId, id }) => void (await callCommand(hub, guildId, doubt, { id })),
    recover: async (guildId, createdBy, idempotencyKey) =>
      callCommand(hub, guildId, recover, { createdBy, idempotencyKey }),
    end: async (guildId, channelId) => void (await callCommand(hub, guildId, end, { channelId })),
    read: async (guildId, channelIds) =>
      channelIds.length === 0
        ? []
        : callCommand(hub, guildId, read, { channelIds: [...channelIds] }),
    people: async (guildId, query) => callCommand(hub, guildId, people, query),
  };
}
