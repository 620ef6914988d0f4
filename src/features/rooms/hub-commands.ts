import { z } from "zod";
import { hubCommand } from "../../hub/command.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser } from "../../protocol/person.ts";
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

/** The commands; `RoomsHub` in ports.ts says what each does. */
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
