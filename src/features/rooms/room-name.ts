import { ROOM_NAME_MAX_LENGTH } from "../../protocol/limits.ts";
import { shownText } from "../../protocol/shown-text.ts";

/**
 * The name of a new room (rooms.md §1): without invisible characters, trimmed, and cut to
 * {@link ROOM_NAME_MAX_LENGTH} code points so that no character is split. If nothing is left:
 * `<prefix>-<time>`.
 * @param now milliseconds since 1970
 */
export function roomName(asked: string | undefined, prefix: string, now: number): string {
  return shown(asked ?? "") || `${prefix}-${now}`;
}

/**
 * The name of a room whose channel has a name at Discord, by the same rules. If nothing visible is left, the room
 * keeps its name. That one may be older than these rules and invisible too; then the id is the name.
 */
export function roomNameFromDiscord(
  told: string,
  room: { readonly name: string; readonly channelId: string | null; readonly id: string },
): string {
  return shown(told) || shown(room.name) || (room.channelId ?? room.id);
}

function shown(name: string): string {
  const points = Array.from(shownText(name, Number.POSITIVE_INFINITY));
  // The cut may fall into the tags of a flag.
  return shownText(points.slice(0, ROOM_NAME_MAX_LENGTH).join(""), Number.POSITIVE_INFINITY);
}
