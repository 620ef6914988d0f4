import type { DiscordFailure } from "../../../platform/discord/call.ts";
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

/** The first and the longest pause after a failure, milliseconds. */
export const FIRST_RETRY_MS = 1_000;
export const MOST_RETRY_MS = 60_000;
/** After a refusal nothing gets better by itself soon (discord.md §2: stop on 403). */
export const REFUSED_FIRST_MS = 30_000;
export const REFUSED_MOST_MS = 10 * 60_000;

/** Whoever says "at once" to somebody who comes too often would be asked without end. */
const LEAST_PAUSE_MS = 200;

/** It was done: its failures are forgotten. */
export function done(state: RoomState, key: string): RoomState {
  const { [key]: _, ...retries } = state.retries;
  return { ...state, retries };
}

/** It failed: it is tried again, later with each failure. */
export function later(
  state: RoomState,
  key: string,
  now: number,
  firstMs: number = FIRST_RETRY_MS,
  mostMs: number = MOST_RETRY_MS,
): RoomState {
  const count = (state.retries[key]?.count ?? 0) + 1;
  const retry = { count, notBefore: now + backOff(count, firstMs, mostMs) };
  return { ...state, retries: { ...state.retries, [key]: retry } };
}

/** Somebody said for how long to wait: that is no failure of its own. */
export function paused(state: RoomState, key: string, now: number, ms: number): RoomState {
  const count = state.retries[key]?.count ?? 0;
  const retry = { count, notBefore: now + Math.max(LEAST_PAUSE_MS, ms) };
  return { ...state, retries: { ...state.retries, [key]: retry } };
}

/** A new beginning for everything, but for the pause that FACEIT asked for. */
export function fresh({ retries }: RoomState): RoomState["retries"] {
  const read = retries["read"];
  return read === undefined ? {} : { read };
}

/** Whether nothing was asked of Discord, for its limits or for our token: the same is asked after a pause. */
export function isPutOff(error: DiscordFailure): boolean {
  return error.kind === "rate_limited" || error.kind === "unauthorized";
}

/** Discord did not do it. */
export function failed(
  state: RoomState,
  key: string,
  error: DiscordFailure,
  now: number,
): RoomState {
  switch (error.kind) {
    case "rate_limited":
    case "unauthorized":
      return paused(state, key, now, error.retryAfterMs);
    case "refused":
      return later(state, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
    default:
      return later(state, key, now);
  }
}
