import { ulid } from "ulid";
import { epochBegan, isPossibleEpoch } from "../../src/protocol/signed-events.ts";

/**
 * The epoch of a process start: a ULID that sorts after the last epoch of this directory (rooms.md §4), even if
 * the clock went back; the hub would refuse an older one. The last epoch is ignored if it comes from a clock that
 * was far ahead, because the hub accepts no epoch from the future.
 * @param last epoch of the previous process; null: there was none
 * @param now milliseconds since 1970
 */
export function nextEpoch(last: string | null, now: number): string {
  const epoch = ulid(now);
  const began = last === null ? null : epochBegan(last);
  const counts = last !== null && began !== null && isPossibleEpoch(last, now);
  return counts && epoch <= last ? ulid(began + 1) : epoch;
}
