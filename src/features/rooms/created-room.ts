import { z } from "@hono/zod-openapi";
import { DiscordId } from "../../protocol/discord-id.ts";
import type { RoomRecord } from "./room-record.ts";

/** Answer of `POST /create-room` (rooms.md §1). */
export const CreatedRoom = z
  .object({ channelId: DiscordId, name: z.string(), guildId: DiscordId })
  .openapi("CreatedRoom");
export type CreatedRoom = z.infer<typeof CreatedRoom>;

/** The answer as an idempotency key keeps it; null while the room has no channel. */
export function createdRoomAnswer({
  channelId,
  name,
  guildId,
}: Pick<RoomRecord, "channelId" | "name" | "guildId">): {
  readonly status: 200;
  readonly body: CreatedRoom;
} | null {
  return channelId === null ? null : { status: 200, body: { channelId, name, guildId } };
}
