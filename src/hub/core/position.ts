import { PUBLISHER_SEQ_JUMP_MAX } from "../../protocol/limits.ts";
import { isPossibleEpoch } from "../../protocol/signed-events.ts";
import type { PublisherPosition } from "./journal.ts";

/** The decision on the `(epoch, seq)` of an outside event (rooms.md §4, fencing). */
export type PositionDecision =
  | { readonly kind: "next" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "stale" }
  | { readonly kind: "gap"; readonly expected: number };

/**
 * Decides on the position of an outside event. Epochs sort by start time: an older one belongs to a
 * process that has been replaced. A new epoch starts at 1.
 * @param known the last position that was taken. An epoch that is not allowed is ignored: an earlier version may
 * have stored one, and it would lock out every publisher
 * @param carriesWholeState such an event may follow a gap of up to {@link PUBLISHER_SEQ_JUMP_MAX}: a wider one
 * would use up the range of seq
 * @param now milliseconds since 1970
 */
export function decidePosition(
  known: PublisherPosition | null,
  incoming: PublisherPosition,
  carriesWholeState: boolean,
  now: number,
): PositionDecision {
  const before = known !== null && isPossibleEpoch(known.epoch, now) ? known : null;
  if (before !== null && incoming.epoch < before.epoch) return { kind: "stale" };
  const last = before !== null && incoming.epoch === before.epoch ? before.seq : 0;
  if (incoming.seq <= last) return { kind: "duplicate" };
  const jumpMax = carriesWholeState ? PUBLISHER_SEQ_JUMP_MAX : 1;
  if (incoming.seq > last + jumpMax) return { kind: "gap", expected: last + 1 };
  return { kind: "next" };
}
