import { z } from "@hono/zod-openapi";
import { VoiceState } from "../../gateway/guild-voice.ts";
import type { Audience } from "../../hub/publisher.ts";
import { grant, MANAGE_ROOMS_SCOPE } from "../../platform/auth/principal.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { DiscordUser, shownPerson } from "../../protocol/person.ts";
import type { Room } from "../../protocol/room.ts";
import { toldRoomName } from "./room-name.ts";

/**
 * A room as we keep it. The guild's hub holds the truth while the room lives; D1 has a copy for lists.
 * `gone`: it never came to be, and its row goes (rooms.md §5). Times are milliseconds since 1970.
 */
export const RoomRecord = z.object({
  /** ULID; also the nonce in the audit log by which a channel of unknown outcome is found. */
  id: z.string(),
  guildId: DiscordId,
  /** Null until Discord has made the channel. */
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
  /** The request that asked for it, so that its answer can be given late. */
  idempotencyKey: z.string().nullable(),
  /** Empty for this long it ends by itself; 0: never. */
  idleMs: z.number().int(),
  /** Grows with each change: an older copy never replaces a newer one. */
  revision: z.number().int(),
});
export type RoomRecord = z.infer<typeof RoomRecord>;

/** Somebody in a room's channel, with the name where it is known. */
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

/** A room as REST and snapshots show it. @returns null while it has no channel */
export function toRoom(record: RoomRecord, members: readonly Member[]): Room | null {
  if (record.channelId === null || record.state === "gone") return null;
  return {
    channelId: record.channelId,
    // It may have been stored before names were cleaned.
    name: toldRoomName(record.name, record),
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
