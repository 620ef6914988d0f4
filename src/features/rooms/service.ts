import { guildFor, type Principal } from "../../platform/auth/principal.ts";
import { isUnknownChannel } from "../../platform/discord/call.ts";
import type { DiscordInvite } from "../../platform/discord/operations.ts";
import { readPage } from "../../platform/pagination.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import type { Room } from "../../protocol/room.ts";
import type { RoomFailure } from "./errors.ts";
import { managesRooms, mayEnd, mayInvite, maySee } from "./policy.ts";
import type { RoomsPorts, RoomsQuery } from "./ports.ts";
import { toRoom, type RoomRecord } from "./room-record.ts";

/** Ends a room. One that has ended already gets the same result (rooms.md §1). */
export async function endRoom(
  ports: RoomsPorts,
  who: Principal,
  channelId: string,
): Promise<Result<undefined, RoomFailure>> {
  const room = await findRoom(ports, who, channelId);
  if (room === null) return err({ kind: "not_found" });
  if (!mayEnd(who, room)) return err({ kind: "not_yours" });
  // Also for an ended room, because its channel may still exist.
  const deleted = await ports.discord.deleteChannel(channelId, `Ended (room ${room.id})`);
  if (!deleted.ok) return err({ kind: "discord", failure: deleted.error });
  await ports.hub.end(room.guildId, channelId);
  return ok(undefined);
}

/** One room with its members. */
export async function getRoom(
  ports: RoomsPorts,
  who: Principal,
  channelId: string,
): Promise<Result<Room, RoomFailure>> {
  const record = await findRoom(ports, who, channelId);
  if (record === null) return err({ kind: "not_found" });
  const [room] = await withHub(ports, record.guildId, [record]);
  return room === undefined ? err({ kind: "not_found" }) : ok(room);
}

/** One page of a guild's rooms. */
export type RoomsPage = { readonly rooms: readonly Room[]; readonly next: string | null };

/** The rooms of a guild that a person may see, newest first. */
export async function listRooms(
  ports: RoomsPorts,
  who: Principal,
  query: Omit<RoomsQuery, "reader">,
): Promise<RoomsPage> {
  const reader = { sub: who.sub, discordId: who.discordId, manages: managesRooms(who) };
  const { rows, last } = await readPage(query.limit, (limit) =>
    ports.copy.list({ ...query, reader, limit }),
  );
  return {
    rooms: (await withHub(ports, query.guildId, rows)).filter(({ state }) => state === query.state),
    next: last?.id ?? null,
  };
}

/** Creates an invite to a room. A room whose channel is gone in Discord ends. */
export async function inviteToRoom(
  ports: RoomsPorts,
  who: Principal,
  channelId: string,
  options: { readonly maxAge?: number | undefined; readonly maxUses?: number | undefined },
): Promise<Result<DiscordInvite, RoomFailure>> {
  const room = await findRoom(ports, who, channelId);
  if (room === null || !mayInvite(who, room)) return err({ kind: "not_found" });
  const invite = await ports.discord.createInvite(channelId, options);
  if (invite.ok) return invite;
  const { error: failure } = invite;
  if (failure.kind === "refused" && isUnknownChannel(failure)) {
    // The channel was deleted in Discord, and the gateway has not reported it yet.
    await ports.hub.end(room.guildId, channelId);
    return err({ kind: "not_found" });
  }
  return err({ kind: "discord", failure });
}

/** The room of a channel if this person may see it. Any other channel does not exist for them. */
async function findRoom(
  { copy, primaryGuildId }: RoomsPorts,
  who: Principal,
  channelId: string,
): Promise<RoomRecord | null> {
  const room = await copy.ofChannel(channelId);
  if (room === null || !maySee(who, room)) return null;
  return guildFor(who, room.guildId, primaryGuildId) === room.guildId ? room : null;
}

/** Adds what the hub knows better than the copy in D1: members, and the latest change. */
async function withHub(
  { hub }: RoomsPorts,
  guildId: string,
  records: readonly RoomRecord[],
): Promise<Room[]> {
  const channelIds = records.flatMap(({ channelId, state }) =>
    channelId === null || state === "ended" ? [] : [channelId],
  );
  const live = new Map(
    (await hub.read(guildId, channelIds)).map((one) => [one.room.channelId, one] as const),
  );
  return records.flatMap((record) => {
    const known = live.get(record.channelId);
    const room = toRoom(known?.room ?? record, known?.members ?? []);
    return room === null ? [] : [room];
  });
}
