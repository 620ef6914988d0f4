import { FACEIT_FRESH_MS } from "../../../protocol/limits.ts";
import type { FaceitMatch } from "../faceit-match.ts";
import type { RoomState } from "./room-state.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** FACEIT has no rosters yet: when to look again, milliseconds (§A4). The last one repeats. */
const ROSTER_WAITS_MS = [15 * SECOND, 30 * SECOND, 60 * SECOND, 120 * SECOND] as const;
const ROSTER_WAIT_MS = 5 * MINUTE;
/** After so long the rosters are hardly coming: looks become rare. */
const ROSTERS_EXPECTED_MS = 30 * MINUTE;
const RARE_LOOK_MS = 30 * MINUTE;

/** A match that is played is looked at this often: the webhook of its end may have been lost. */
const LIVE_LOOK_MS = 5 * MINUTE;

/** A scheduled match gets its channels this long before it begins (§A4). */
const EARLY_MS = 15 * MINUTE;

/** A match of which nothing was heard for so long is taken for over (§A4, orphans). */
const SILENT_MAX_MS = 6 * HOUR;

/** People are still in its channels: looked again so often whether they are. */
export const SILENT_LOOK_MS = 5 * MINUTE;

/** What Discord does not let us take away for so long after the end is left to the sweep. */
export const FORSAKEN_MS = 24 * HOUR;

/** People are taken back to the lobby for at most this long before their channel goes. */
export const EVACUATION_MAX_MS = 15 * SECOND;

/** Answers of FACEIT that contradict a webhook which said that the match is over, until it is believed. */
export const CONTRADICTIONS_MAX = 5;

/** A channel is made again at most so often when people delete it by hand. */
export const CHANNELS_MADE_MAX = 4;

/** Looks in a row without the channel until Discord is asked for it again. */
export const ABSENCES_MAX = 2;

/** When a match of which nothing is heard counts as over. */
export function silentAt({ heardAt, match }: RoomState): number {
  // Of a match that is far ahead nothing has to be heard.
  const begins = match?.status === "SCHEDULED" ? (match.scheduledAt ?? 0) : 0;
  return Math.max(heardAt, begins) + SILENT_MAX_MS;
}

/** Whether a match that is not over may have channels now: it does not begin much later. */
export function isDue({ status, scheduledAt }: FaceitMatch, now: number): boolean {
  return status !== "SCHEDULED" || now >= (scheduledAt ?? 0) - EARLY_MS;
}

/** When FACEIT is asked again without a reason, milliseconds since 1970. */
export function nextLookAt(state: RoomState): number {
  const { match, readAt, firstSeenAt, emptyReads } = state;
  if (readAt === null || match === null) return firstSeenAt;
  const early = (match.scheduledAt ?? 0) - EARLY_MS;
  if (match.status === "SCHEDULED" && early > readAt) return Math.min(early, readAt + 6 * HOUR);
  if (match.rosters !== null) return readAt + LIVE_LOOK_MS;
  if (readAt - firstSeenAt > ROSTERS_EXPECTED_MS) return readAt + RARE_LOOK_MS;
  return readAt + (ROSTER_WAITS_MS[Math.max(0, emptyReads - 1)] ?? ROSTER_WAIT_MS);
}

/** When FACEIT may be asked because something happened: one answer is fresh for a while. */
export function freshUntil({ readAt, match, version }: RoomState): number {
  if (readAt === null || match === null) return 0;
  // What a newer webhook tells is not in that answer.
  return version > match.version ? 0 : readAt + FACEIT_FRESH_MS;
}

/**
 * Milliseconds until a failed thing is tried again: doubling from a first pause.
 * @param count failures in a row, at least 1
 */
export function backOff(count: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(count - 1, 20));
}
