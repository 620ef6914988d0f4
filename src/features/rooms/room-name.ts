import { ROOM_NAME_MAX_LENGTH } from "../../protocol/limits.ts";

/**
 * The name of a new room (rooms.md §1): trimmed, and cut to {@link ROOM_NAME_MAX_LENGTH} code points
 * so that no character is split; without one, `<prefix>-<time>`.
 * @param now milliseconds
 */
export function roomName(asked: string | undefined, prefix: string, now: number): string {
  const cut = Array.from((asked ?? "").toWellFormed().trim())
    .slice(0, ROOM_NAME_MAX_LENGTH)
    .join("")
    .trim();
  return cut === "" ? `${prefix}-${now}` : cut;
}
