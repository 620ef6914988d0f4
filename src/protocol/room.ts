import { z } from "zod";
import { DiscordId } from "./discord-id.ts";
import { Person } from "./person.ts";

/** A user who is in a room's voice channel now. */
export const RoomMember = z.object({
  userId: DiscordId,
  joinedAt: z.iso.datetime(),
  ...Person.partial().shape,
});

/** A room as REST answers and snapshots carry it (rooms.md §1). Times are RFC 3339. */
export const Room = z
  .object({
    channelId: DiscordId,
    name: z.string(),
    guildId: DiscordId,
    userLimit: z.number().int(),
    private: z.boolean(),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    state: z.enum(["creating", "open", "ended"]),
    endedAt: z.iso.datetime().nullable(),
    members: z.array(RoomMember),
  })
  .meta({ id: "Room" });

export type Room = z.infer<typeof Room>;
export type RoomMember = z.infer<typeof RoomMember>;
