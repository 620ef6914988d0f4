import type { SnapshotReason } from "../../protocol/frames.ts";
import { EPOCH_MAX_LENGTH } from "../../protocol/limits.ts";
import type { JournalExtent } from "./journal.ts";

/** The position that a client resumes from; absent parts were not sent. */
export type ResumePosition = {
  readonly epoch?: string | undefined;
  readonly seq?: number | undefined;
  /** By how much its numbers differ from `seq`, for dialects with numbers of their own. */
  readonly base?: number | undefined;
};

/** A seq that no journal has, so that the answer is `invalid_position`. */
export const NO_SEQ = -1;

/** A connection starts with everything it missed, or with the whole state (HUB-4). */
export type ResumeDecision =
  | { readonly kind: "resume"; readonly from: number }
  | { readonly kind: "snapshot"; readonly reason: SnapshotReason };

/** Decides how a connection starts (rooms.md §2 and §3). */
export function decideResume(asked: ResumePosition, journal: JournalExtent): ResumeDecision {
  const { epoch, seq } = asked;
  if (epoch === undefined && seq === undefined) return snapshot("first_connection");
  if (epoch === undefined || seq === undefined) return snapshot("invalid_position");
  if (!Number.isSafeInteger(seq) || seq < 0) return snapshot("invalid_position");
  if (epoch !== journal.epoch) return snapshot("unknown_epoch");
  if (seq > journal.head) return snapshot("ahead_of_hub");
  if (seq < journal.oldest - 1) return snapshot("too_old");
  return { kind: "resume", from: seq };
}

function snapshot(reason: SnapshotReason): ResumeDecision {
  return { kind: "snapshot", reason };
}

/**
 * Reads a position from query parameters. A malformed one becomes one that {@link decideResume} answers with a
 * snapshot, and that fits into the attachment of a waiting socket.
 */
export function resumePositionFrom(query: URLSearchParams): ResumePosition {
  const epoch = query.get("epoch");
  const seq = query.get("seq");
  return {
    ...(epoch === null ? {} : { epoch: epoch.slice(0, EPOCH_MAX_LENGTH + 1) }),
    ...(seq === null ? {} : { seq: /^\d{1,16}$/.test(seq) ? Number(seq) : NO_SEQ }),
  };
}
