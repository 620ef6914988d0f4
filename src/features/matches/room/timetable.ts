import type { DiscordFailure } from "../../../platform/discord/call.ts";
import { doublingPause } from "../../../protocol/backoff.ts";
import { FACEIT_FRESH_MS } from "../../../protocol/limits.ts";
import type { FaceitMatch } from "../faceit-match.ts";
import type { RoomState } from "./room-state.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Pauses between reads while FACEIT has no rosters, milliseconds (§A4). After these, {@link ROSTER_WAIT_MS}. */
const ROSTER_WAITS_MS = [15 * SECOND, 30 * SECOND, 60 * SECOND, 120 * SECOND] as const;
const ROSTER_WAIT_MS = 5 * MINUTE;
/** After this long without rosters they are unlikely to come, and reads become rare. */
const ROSTERS_EXPECTED_MS = 30 * MINUTE;
const RARE_LOOK_MS = 30 * MINUTE;

/** Pause between reads of a live match: the webhook about its end may have been lost. */
const LIVE_LOOK_MS = 5 * MINUTE;

/** A scheduled match gets its channels this long before it begins (§A4). */
const EARLY_MS = 15 * MINUTE;

/** A match of which nothing was heard for this long counts as over (§A4, orphans). */
const SILENT_MAX_MS = 6 * HOUR;

/** Pause between checks whether the channels of a silent match are empty yet. */
export const SILENT_LOOK_MS = 5 * MINUTE;

/** After this long, channels that Discord does not let us delete are left to the sweep. */
export const GIVE_UP_AFTER_MS = 24 * HOUR;

/** How long we try to move people to the lobby before their channel is deleted. */
export const EVACUATION_MAX_MS = 15 * SECOND;

/** Answers of FACEIT that must contradict a webhook about the end before they are believed instead. */
export const CONTRADICTIONS_MAX = 5;

/** How many times a side's channel is made, if people delete it by hand. */
export const CHANNELS_MADE_MAX = 4;

/** Searches in a row that must miss a channel before it is requested again. */
export const ABSENCES_MAX = 2;

/** When a live match counts as over if nothing is heard of it, milliseconds since 1970. */
export function silentAt({ heardAt, match }: RoomState): number {
  // FACEIT may say nothing about a scheduled match until it begins.
  const begins = match?.status === "SCHEDULED" ? (match.scheduledAt ?? 0) : 0;
  return Math.max(heardAt, begins) + SILENT_MAX_MS;
}

/** Whether a live match may have channels now: it has begun or begins soon. */
export function isDue({ status, scheduledAt }: FaceitMatch, now: number): boolean {
  return status !== "SCHEDULED" || now >= (scheduledAt ?? 0) - EARLY_MS;
}

/** When a live match is next read from FACEIT if no webhook asks for it, milliseconds since 1970. */
export function nextLookAt(state: RoomState): number {
  const { match, readAt, firstSeenAt, emptyReads } = state;
  if (readAt === null || match === null) return firstSeenAt;
  const early = (match.scheduledAt ?? 0) - EARLY_MS;
  if (match.status === "SCHEDULED" && early > readAt) return Math.min(early, readAt + 6 * HOUR);
  if (match.rosters !== null) return readAt + LIVE_LOOK_MS;
  if (readAt - firstSeenAt > ROSTERS_EXPECTED_MS) return readAt + RARE_LOOK_MS;
  return readAt + (ROSTER_WAITS_MS[Math.max(0, emptyReads - 1)] ?? ROSTER_WAIT_MS);
}

/** Until when FACEIT's last answer is fresh enough not to ask again, milliseconds since 1970. */
export function freshUntil({ readAt, match, version }: RoomState): number {
  if (readAt === null || match === null) return 0;
  // The answer is older than the newest webhook.
  return version > match.version ? 0 : readAt + FACEIT_FRESH_MS;
}

/** The first and the longest pause after a failure, milliseconds. */
export const FIRST_RETRY_MS = 1_000;
export const MOST_RETRY_MS = 60_000;
/** Longer pauses after a refusal, which rarely goes away by itself (discord.md §2: stop on 403). */
export const REFUSED_FIRST_MS = 30_000;
export const REFUSED_MOST_MS = 10 * 60_000;

/** The shortest pause, so that a rate limit with a pause of 0 cannot cause a busy loop. */
const LEAST_PAUSE_MS = 200;

/** Forgets the failures of an action that succeeded. */
export function clearRetry(state: RoomState, key: string): RoomState {
  const { [key]: _, ...retries } = state.retries;
  return { ...state, retries };
}

/** Schedules another attempt; the pause doubles with each failure in a row. */
export function retryLater(
  state: RoomState,
  key: string,
  now: number,
  firstMs: number = FIRST_RETRY_MS,
  mostMs: number = MOST_RETRY_MS,
): RoomState {
  const count = (state.retries[key]?.count ?? 0) + 1;
  const retry = { count, notBefore: now + doublingPause({ firstMs, mostMs }, count - 1) };
  return { ...state, retries: { ...state.retries, [key]: retry } };
}

/** Schedules another attempt after the pause that a provider asked for. It does not count as a failure. */
export function retryAfterPause(state: RoomState, key: string, now: number, ms: number): RoomState {
  const count = state.retries[key]?.count ?? 0;
  const retry = { count, notBefore: now + Math.max(LEAST_PAUSE_MS, ms) };
  return { ...state, retries: { ...state.retries, [key]: retry } };
}

/** Forgets all retries except that of reading: FACEIT may have asked for a pause. */
export function clearedRetries({ retries }: RoomState): RoomState["retries"] {
  const read = retries["read"];
  return read === undefined ? {} : { read };
}

/** Whether Discord did not process the request because of a rate limit or our token: it is repeated after a pause. */
export function isPutOff(error: DiscordFailure): boolean {
  return error.kind === "rate_limited" || error.kind === "unauthorized";
}

/** Schedules another attempt after Discord's failure, with the pause that suits it. */
export function retryAfterFailure(
  state: RoomState,
  key: string,
  error: DiscordFailure,
  now: number,
): RoomState {
  switch (error.kind) {
    case "rate_limited":
    case "unauthorized":
      return retryAfterPause(state, key, now, error.retryAfterMs);
    case "refused":
      return retryLater(state, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
    default:
      return retryLater(state, key, now);
  }
}
