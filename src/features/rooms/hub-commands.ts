import { z } from "zod";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser } from "../../protocol/person.ts";
import { Member, RoomRecord } from "./room-record.ts";

/** Name of the rooms extension in a hub; its commands are `rooms.…`. */
export const ROOMS_EXTENSION = "rooms";

/** A command of the hub's rooms extension: what crosses is checked on both sides. */
export type HubCommand<Input extends z.ZodType, Output extends z.ZodType> = {
  readonly name: string;
  readonly input: Input;
  readonly output: Output;
};

function define<Input extends z.ZodType, Output extends z.ZodType>(
  name: string,
  input: Input,
  output: Output,
): HubCommand<Input, Output> {
  return { name, input, output };
}

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
  reserve: define("reserve", RoomRecord, Done),
  open: define("open", RoomId.extend({ channel: NewChannel }), z.object({ outcome: Outcome })),
  giveUp: define("giveUp", RoomId, Done),
  doubt: define("doubt", RoomId, Done),
  recover: define("recover", Request, Recovery),
  end: define("end", z.object({ channelId: DiscordId }), Done),
  read: define("read", z.object({ channelIds: z.array(DiscordId) }), LiveRooms),
  people: define("people", PeopleQuery, People),
} as const;
