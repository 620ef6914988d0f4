import { z } from "@hono/zod-openapi";
import { VoiceState } from "../../gateway/guild-voice.ts";
import type { Audience } from "../../hub/publisher.ts";
import { grant, MANAGE_ROOMS_SCOPE } from "../../platform/auth/principal.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser, shownPerson } from "../../protocol/person.ts";
import type { Room } from "../../protocol/room.ts";
import { roomNameFromDiscord } from "./room-name.ts";

/**
 * A room as it is stored. The guild's hub is the source of truth while the room lives; D1 has a copy for lists.
 * `gone`: no channel was created, and the row is deleted (rooms.md §5). Times are milliseconds since 1970.
 */
export const RoomRecord = z.object({
  /** A ULID. It is also in the audit log, by which the channel of an unanswered creation is found. */
  id: z.string(),
  guildId: DiscordId,
  /** Null until Discord has created the channel. */
  channelId: DiscordId.nullable(),
  name: z.string(),
  userLimit: z.number().int(),
  private: z.boolean(),
  /** Discord users who may see and enter a private room. */
  allowedUserIds: z.array(DiscordId),
  parentId: DiscordId.nullable(),
  createdBy: z.string(),
  createdByDiscordId: DiscordId.nullable(),
  createdAt: z.number().int(),
  openedAt: z.number().int().nullable(),
  state: z.enum(["creating", "open", "ended", "gone"]),
  endedAt: z.number().int().nullable(),
  /** The key of the request for this room, so that a repetition can be answered. */
  idempotencyKey: z.string().nullable(),
  /** How long the room may be empty before it ends by itself, milliseconds; 0: for ever. */
  idleMs: z.number().int(),
  /** Grows with each change: an older copy never replaces a newer one. */
  revision: z.number().int(),
});
export type RoomRecord = z.infer<typeof RoomRecord>;

/** A user in a room's channel, with the name if it is known. */
export const Member = VoiceState.extend({ user: DiscordUser.optional() });
export type Member = z.infer<typeof Member>;

/** Who may see a room and its events: null is everyone in the guild (rooms.md §3). */
export function audienceOf(
  room: Pick<RoomRecord, "private" | "createdBy" | "allowedUserIds">,
): Audience {
  if (!room.private) return null;
  return [
    grant.user(room.createdBy),
    ...room.allowedUserIds.map(grant.discordUser),
    grant.scope(MANAGE_ROOMS_SCOPE),
  ];
}

/** A room in the form of REST and snapshots; null while it has no channel. */
export function toRoom(record: RoomRecord, members: readonly Member[]): Room | null {
  if (record.channelId === null || record.state === "gone") return null;
  return {
    channelId: record.channelId,
    // The name may have been stored before names were cleaned.
    name: roomNameFromDiscord(record.name, record),
    guildId: record.guildId,
    userLimit: record.userLimit,
    private: record.private,
    createdBy: record.createdBy,
    createdAt: new Date(record.createdAt).toISOString(),
    state: record.state,
    endedAt: record.endedAt === null ? null : new Date(record.endedAt).toISOString(),
    members: members.map(({ userId, since, user }) => ({
      userId,
      joinedAt: new Date(since).toISOString(),
      ...(user === undefined ? {} : shownPerson(userId, user)),
    })),
  };
}

/** Answer of `POST /create-room` (rooms.md §1). */
export const CreatedRoom = z
  .object({ channelId: DiscordId, name: z.string(), guildId: DiscordId })
  .openapi("CreatedRoom");
export type CreatedRoom = z.infer<typeof CreatedRoom>;

/** The answer that is stored under an idempotency key; null while the room has no channel. */
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
