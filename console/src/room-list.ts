import type { RoomView } from "../../src/client/guild-view.ts";

/** From this many rooms on, the list has groups and a search; fewer rooms can be seen at a glance. */
export const LONG_LIST_FROM = 7;

/** Rooms under a heading; the heading is empty if one list is enough. */
export type RoomGroup = { readonly title: string; readonly rooms: readonly RoomView[] };

/**
 * The rooms as the page lists them, newest first. When there are many, rooms with people are separate from
 * empty ones.
 * @param search part of a room's name, or of the name of somebody in it
 */
export function roomGroups(
  rooms: Iterable<RoomView>,
  search: string,
  nameOf: (userId: string) => string,
): readonly RoomGroup[] {
  const all = [...rooms].toReversed();
  const wanted = search.trim().toLocaleLowerCase();
  const found = all.filter(
    (room) =>
      wanted === "" ||
      [room.name, ...room.members.map(({ userId }) => nameOf(userId))].some((name) =>
        name.toLocaleLowerCase().includes(wanted),
      ),
  );
  if (all.length < LONG_LIST_FROM) return [{ title: "", rooms: found }];
  return [
    { title: "With people", rooms: found.filter((room) => room.members.length > 0) },
    { title: "Empty", rooms: found.filter((room) => room.members.length === 0) },
  ].filter((group) => group.rooms.length > 0);
}

/** How full a room is; the text is empty while that is unknown. */
export function seats(room: RoomView): { readonly text: string; readonly full: boolean } {
  const inside = room.members.length;
  const limit = room.details?.userLimit;
  if (limit !== undefined && limit > 0) {
    return { text: `${inside} of ${limit}`, full: inside >= limit };
  }
  if (inside > 0) return { text: `${inside} in`, full: false };
  return { text: limit === 0 ? "No limit" : "", full: false };
}

/**
 * How many people fit into a row beside each other: at least one, whose name is cut if need be.
 * @param widths of the first people, pixels; for most rooms these are all
 * @param total number of people
 * @param space width of the row's part for people
 * @param more width of the note that says how many do not fit; nobody needs it if all fit
 */
export function howManyFit({
  widths,
  total,
  space,
  more,
}: {
  readonly widths: readonly number[];
  readonly total: number;
  readonly space: number;
  readonly more: number;
}): number {
  const upTo = (end: number): number => widths.slice(0, end).reduce((sum, one) => sum + one, 0);
  if (widths.length === total && upTo(total) <= space) return total;
  const tooMany = widths.findIndex((_, index) => upTo(index + 1) + more > space);
  return Math.max(1, tooMany === -1 ? widths.length : tooMany);
}

/** A link to a channel in Discord; Discord's own app opens it if installed. */
export function discordLink(guildId: string, channelId: string): string {
  return `https://discord.com/channels/${encodeURIComponent(guildId)}/${encodeURIComponent(channelId)}`;
}
