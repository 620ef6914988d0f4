import { MATCH_DEMOS_MAX } from "../../../protocol/limits.ts";
import { ENDED_STATUSES } from "../../../protocol/match.ts";
import { demosOf, type FaceitMatch } from "../faceit-match.ts";
import { reopened } from "./revive.ts";
import type { RoomState } from "./room-state.ts";
import { clearedRetries } from "./timetable.ts";

/** What a webhook says about a match. It is not signed, so it is only a reason to ask FACEIT (§0.4). */
export type Hint = {
  /** FACEIT's own name of the event. */
  readonly event: string;
  /** The match as the webhook alone describes it. */
  readonly match: FaceitMatch;
};

/** The match status that each of FACEIT's status events stands for (§A3). */
export const STATUS_OF_EVENT: ReadonlyMap<string, string> = new Map([
  ["match_object_created", "CREATED"],
  ["match_status_configuring", "CONFIGURING"],
  ["match_status_ready", "READY"],
  ["match_status_finished", "FINISHED"],
  ["match_status_aborted", "ABORTED"],
  ["match_status_cancelled", "CANCELLED"],
]);

/** FACEIT sends this after the end, with the address of a recording. */
export const DEMO_EVENT = "match_demo_ready";

/**
 * Takes a webhook into the state; `decide` works out what to do about it. Webhooks are ordered by their
 * version, because they arrive late, repeatedly and in any order.
 * @param hasApi whether FACEIT's Data API can be asked; if not, webhooks are the only source
 */
export function takeHint(before: RoomState, hint: Hint, now: number, hasApi: boolean): RoomState {
  const { match } = hint;
  const state = { ...before, heardAt: now };
  if (hint.event === DEMO_EVENT) return takeDemo(state, hint, hasApi);
  const isNews = match.version > state.version;
  const heard = { ...state, version: Math.max(state.version, match.version) };
  return ENDED_STATUSES.has(match.status)
    ? takeEnd(heard, hint, now, hasApi)
    : takeLife(heard, hint, isNews, hasApi);
}

/** Stores a recording's address. People open it, so with a Data API key it is read there, not from a webhook. */
function takeDemo(state: RoomState, { match: { demoUrl } }: Hint, hasApi: boolean): RoomState {
  if (hasApi) return { ...state, mustRead: true };
  if (state.match === null || demoUrl === null) return state;
  // Each webhook carries the recording of one map only.
  const demoUrls = [...new Set([...demosOf(state.match), demoUrl])].slice(0, MATCH_DEMOS_MAX);
  return { ...state, match: { ...state.match, demoUrl: demoUrls[0] ?? null, demoUrls } };
}

/** Closing is safe, so it begins before FACEIT has confirmed the end. */
function takeEnd(state: RoomState, { match }: Hint, now: number, hasApi: boolean): RoomState {
  const { end } = state;
  if (end !== null) {
    if (match.version <= end.version) return state;
    const again = { ...end, version: match.version, confirmed: !hasApi, contradicted: 0 };
    return { ...state, end: again, mustRead: hasApi };
  }
  // FACEIT's own answer is newer than this webhook: the match was reopened since.
  if (state.match !== null && match.version < state.match.version) {
    return hasApi ? { ...state, mustRead: true } : state;
  }
  const { status, version } = match;
  return {
    ...state,
    phase: "closing",
    end: { version, status, at: now, confirmed: !hasApi, contradicted: 0 },
    mustRead: hasApi,
    retries: clearedRetries(state),
  };
}

function takeLife(state: RoomState, { match }: Hint, isNews: boolean, hasApi: boolean): RoomState {
  const { end } = state;
  if (end === null) {
    const known = state.match?.version ?? -1;
    if (hasApi) return match.version > known ? { ...state, mustRead: true } : state;
    return isNews || state.match === null ? { ...state, match: merged(state.match, match) } : state;
  }
  if (match.version <= end.version) return state;
  return hasApi
    ? { ...state, mustRead: true }
    : { ...reopened(state), match: merged(state.match, match) };
}

/** A webhook often lacks rosters, map and address, so the known ones are kept. */
function merged(before: FaceitMatch | null, now: FaceitMatch): FaceitMatch {
  if (before === null) return now;
  return {
    ...now,
    rosters: now.rosters ?? before.rosters,
    map: now.map ?? before.map,
    url: now.url ?? before.url,
    demoUrl: before.demoUrl,
    ...(before.demoUrls === undefined ? {} : { demoUrls: before.demoUrls }),
  };
}
