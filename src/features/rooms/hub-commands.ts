import { z } from "zod";
import { callCommand, hubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser } from "../../protocol/person.ts";
import type { RoomsHub } from "./ports.ts";
import { Member, RoomRecord } from "./room-record.ts";

const RoomId = z.object({ id: z.string() });
const Done = z.object({});
const NewChannel = z.object({ id: DiscordId, name: z.string() });
const Outcome = z.enum(["opened", "gone"]);
const Request = z.object({ createdBy: z.string(), idempotencyKey: z.string() });
const Recovery = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("opened"), room: RoomRecord }),
  z.object({ kind: z.literal("undecided") }),
  z.object({ kind: z.literal("nothing") }),
]);
const LiveRooms = z.array(z.object({ room: RoomRecord, members: z.array(Member) }));
const PeopleQuery = z.object({ q: z.string(), limit: z.number().int() });
const People = z.array(DiscordUser.extend({ userId: DiscordId }));

/** The commands of the hub's rooms extension. `RoomsHub` in ports.ts documents each. */
export const ROOMS_COMMANDS = {
  reserve: hubCommand("rooms.reserve", RoomRecord, Done),
  open: hubCommand(
    "rooms.open",
    RoomId.extend({ channel: NewChannel }),
    z.object({ outcome: Outcome }),
  ),
  giveUp: hubCommand("rooms.giveUp", RoomId, Done),
  doubt: hubCommand("rooms.doubt", RoomId, Done),
  recover: hubCommand("rooms.recover", Request, Recovery),
  end: hubCommand("rooms.end", z.object({ channelId: DiscordId }), Done),
  read: hubCommand("rooms.read", z.object({ channelIds: z.array(DiscordId) }), LiveRooms),
  people: hubCommand("rooms.people", PeopleQuery, People),
} as const;

/** {@link RoomsHub} over these commands. */
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
