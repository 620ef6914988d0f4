import { ROOM_NAME_MAX_LENGTH } from "../../protocol/limits.ts";
import { shownText } from "../../protocol/shown-text.ts";

/**
 * The name of a new room (rooms.md §1): without what cannot be seen, trimmed, and cut to {@link ROOM_NAME_MAX_LENGTH} code points
 * so that no character is split; without one, `<prefix>-<time>`.
 * @param now milliseconds
 */
export function roomName(asked: string | undefined, prefix: string, now: number): string {
  return shown(asked ?? "") || `${prefix}-${now}`;
}

/**
 * The name that Discord tells for a room's channel, by the same rules. If nothing of it can be seen the room keeps the name
 * that it has; that one may have been stored before names were cleaned, and then be nothing but its id.
 */
export function toldRoomName(
  told: string,
  room: { readonly name: string; readonly channelId: string | null; readonly id: string },
): string {
  return shown(told) || shown(room.name) || (room.channelId ?? room.id);
}

function shown(name: string): string {
  const points = Array.from(shownText(name, Number.POSITIVE_INFINITY));
  // The cut may be in the middle of a flag.
  return shownText(points.slice(0, ROOM_NAME_MAX_LENGTH).join(""), Number.POSITIVE_INFINITY);
}
