import { decodeTime, ulid } from "ulid";

/**
 * The epoch of a process start: a ULID that sorts after the last one of this directory (rooms.md §4),
 * also when the clock went back meanwhile. With an older one the hub would refuse us.
 * @param last of the process before; null: there was none
 * @param now milliseconds since 1970
 */
export function nextEpoch(last: string | null, now: number): string {
  const epoch = ulid(now);
  return last === null || epoch > last ? epoch : ulid(decodeTime(last) + 1);
}
