import type { DiscordFailure } from "../../../platform/discord/call.ts";
import type { RoomState } from "./room-state.ts";
import { backOff } from "./timetable.ts";

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
