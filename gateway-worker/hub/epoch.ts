import { ulid } from "ulid";
import { epochBegan, isPossibleEpoch } from "../../src/protocol/signed-events.ts";

/**
 * The epoch of a process start: a ULID that sorts after the last one of this directory (rooms.md §4),
 * also when the clock went back meanwhile. With an older one the hub would refuse us. One from a clock
 * that was far ahead is not followed: the hub takes none of the future.
 * @param last of the process before; null: there was none
 * @param now milliseconds since 1970
 */
export function nextEpoch(last: string | null, now: number): string {
  const epoch = ulid(now);
  const began = last === null ? null : epochBegan(last);
  const counts = last !== null && began !== null && isPossibleEpoch(last, now);
  return counts && epoch <= last ? ulid(began + 1) : epoch;
}
