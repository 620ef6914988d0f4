import { z } from "zod";
import { callCommand, hubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import type { DiscordChannel } from "../../platform/discord/operations.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser } from "../../protocol/person.ts";
import { Member, RoomRecord } from "./room-record.ts";

const RoomId = z.object({ id: z.string() });
const Done = z.object({});
const NewChannel = z.object({ id: DiscordId, name: z.string() });
const Outcome = z.enum(["opened", "gone"]);
const Request = z.object({ createdBy: z.string(), idempotencyKey: z.string() });
/** The outcome of a request that was never answered. */
const Recovered = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("opened"), room: RoomRecord }),
  /** It is not known yet whether Discord created the channel. */
  z.object({ kind: z.literal("undecided") }),
  /** No room came of it: it may be repeated. */
  z.object({ kind: z.literal("nothing") }),
]);
export type Recovered = z.infer<typeof Recovered>;
const LiveRooms = z.array(z.object({ room: RoomRecord, members: z.array(Member) }));
/** A part of a name, and how many people to find. */
const PeopleQuery = z.object({ q: z.string(), limit: z.number().int() });
export type PeopleQuery = z.infer<typeof PeopleQuery>;
const People = z.array(DiscordUser.extend({ userId: DiscordId }));

/** The commands of the hub's rooms extension. {@link hubRooms} documents each. */
export const ROOMS_COMMANDS = {
  reserve: hubCommand("rooms.reserve", RoomRecord, Done),
  open: hubCommand(
    "rooms.open",
    RoomId.extend({ channel: NewChannel }),
    z.object({ outcome: Outcome }),
  ),
  giveUp: hubCommand("rooms.giveUp", RoomId, Done),
  doubt: hubCommand("rooms.doubt", RoomId, Done),
  recover: hubCommand("rooms.recover", Request, Recovered),
  end: hubCommand("rooms.end", z.object({ channelId: DiscordId }), Done),
  read: hubCommand("rooms.read", z.object({ channelIds: z.array(DiscordId) }), LiveRooms),
  people: hubCommand("rooms.people", PeopleQuery, People),
} as const;

/** What names a room in its hub. */
type RoomKey = Pick<RoomRecord, "guildId" | "id">;

/** The rooms part of a guild's hub, the source of truth for live rooms (rooms.md §5). */
export function hubRooms(hub: Pick<HubPublisher, "command">) {
  const { reserve, open, giveUp, doubt, recover, end, read, people } = ROOMS_COMMANDS;
  return {
    /** Records a creation before Discord is asked. The hub settles it even if the request dies. */
    reserve: async (room: RoomRecord): Promise<void> =>
      void (await callCommand(hub, room.guildId, reserve, room)),
    /** Opens a room whose channel exists. `gone`: the creation had been given up, so the channel has no room. */
    open: async ({ guildId, id }: RoomKey, { id: channelId, name }: DiscordChannel) =>
      (await callCommand(hub, guildId, open, { id, channel: { id: channelId, name } })).outcome,
    /** Gives up a creation: Discord certainly did not create the channel. */
    giveUp: async ({ guildId, id }: RoomKey): Promise<void> =>
      void (await callCommand(hub, guildId, giveUp, { id })),
    /** Makes the hub look soon whether the channel exists. */
    doubt: async ({ guildId, id }: RoomKey): Promise<void> =>
      void (await callCommand(hub, guildId, doubt, { id })),
    /** Settles the creation of an earlier request with this key. */
    recover: async (guildId: string, createdBy: string, idempotencyKey: string) =>
      callCommand(hub, guildId, recover, { createdBy, idempotencyKey }),
    /** Ends the room of a channel that was deleted in Discord. Safe for a room that has ended already. */
    end: async (guildId: string, channelId: string): Promise<void> =>
      void (await callCommand(hub, guildId, end, { channelId })),
    /** The rooms with these channels, if the hub knows them. */
    read: async (guildId: string, channelIds: readonly string[]) =>
      channelIds.length === 0
        ? []
        : callCommand(hub, guildId, read, { channelIds: [...channelIds] }),
    /** People of the guild whose name contains `q`. */
    people: async (guildId: string, query: PeopleQuery) => callCommand(hub, guildId, people, query),
  };
}
export type RoomsHub = ReturnType<typeof hubRooms>;
