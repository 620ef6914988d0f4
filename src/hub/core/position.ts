import type { PublisherPosition } from "./journal.ts";

/** What the hub makes of an outside event's `(epoch, seq)` (rooms.md §4, fencing). */
export type PositionDecision =
  | { readonly kind: "next" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "stale" }
  | { readonly kind: "gap"; readonly expected: number };

/**
 * Decides on the position of an outside event. Epochs sort by start time: an older one belongs to a
 * process that has been replaced. A new epoch starts at 1.
 * @param carriesWholeState such an event needs nothing before it, so a gap does not matter
 */
export function decidePosition(
  known: PublisherPosition | null,
  incoming: PublisherPosition,
  carriesWholeState: boolean,
): PositionDecision {
  if (known !== null && incoming.epoch < known.epoch) return { kind: "stale" };
  const last = known !== null && incoming.epoch === known.epoch ? known.seq : 0;
  if (incoming.seq <= last) return { kind: "duplicate" };
  if (incoming.seq > last + 1 && !carriesWholeState) return { kind: "gap", expected: last + 1 };
  return { kind: "next" };
}
