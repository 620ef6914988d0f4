import { ROOM_NAME_MAX_LENGTH } from "../../protocol/limits.ts";
import { shownText } from "../../protocol/shown-text.ts";

/**
 * The name of a new room (rooms.md §1): without what cannot be seen, trimmed, and cut to {@link ROOM_NAME_MAX_LENGTH} code points
 * so that no character is split; without one, `<prefix>-<time>`.
 * @param now milliseconds
 */
export function roomName(asked: string | undefined, prefix: string, now: number): string {
  const cut = Array.from(shownText((asked ?? "").toWellFormed(), Number.POSITIVE_INFINITY))
    .slice(0, ROOM_NAME_MAX_LENGTH)
    .join("")
    .trim();
  return cut === "" ? `${prefix}-${now}` : cut;
}
