import { MATCH_DEMOS_MAX } from "../../../protocol/limits.ts";
import { ENDED_STATUSES } from "../../../protocol/match.ts";
import { demosOf, type FaceitMatch } from "../faceit-match.ts";
import { reopened } from "./revive.ts";
import type { RoomState } from "./room-state.ts";
import { fresh } from "./timetable.ts";

/** What a webhook tells of a match. It is not signed, so it is only a reason to look (§0.4). */
export type Hint = {
  /** FACEIT's own name of the event. */
  readonly event: string;
  /** What the match looks like by the webhook alone. */
  readonly match: FaceitMatch;
};

/** Events of FACEIT that say how a match stands, and the status that they mean (§A3). */
export const STATUS_OF_EVENT: ReadonlyMap<string, string> = new Map([
  ["match_object_created", "CREATED"],
  ["match_status_configuring", "CONFIGURING"],
  ["match_status_ready", "READY"],
  ["match_status_finished", "FINISHED"],
  ["match_status_aborted", "ABORTED"],
  ["match_status_cancelled", "CANCELLED"],
]);

/** Comes after the end and says where the recording is. */
export const DEMO_EVENT = "match_demo_ready";

/**
 * Takes in a webhook. Nothing is done here: what should be is worked out afterwards. Versions order
 * webhooks, because they come in any order, late, and more than once.
 * @param hasApi whether FACEIT can be asked; without it webhooks are all there is
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

/** An address that people may open is FACEIT's to say, where it can be asked. */
function takeDemo(state: RoomState, { match: { demoUrl } }: Hint, hasApi: boolean): RoomState {
  if (hasApi) return { ...state, mustRead: true };
  if (state.match === null || demoUrl === null) return state;
  // A webhook tells of one map.
  const demoUrls = [...new Set([...demosOf(state.match), demoUrl])].slice(0, MATCH_DEMOS_MAX);
  return { ...state, match: { ...state.match, demoUrl: demoUrls[0] ?? null, demoUrls } };
}

/** Closing is safe, so it does not wait for FACEIT; but FACEIT is asked whether it is true. */
function takeEnd(state: RoomState, { match }: Hint, now: number, hasApi: boolean): RoomState {
  const { end } = state;
  if (end !== null) {
    if (match.version <= end.version) return state;
    const again = { ...end, version: match.version, confirmed: !hasApi, contradicted: 0 };
    return { ...state, end: again, mustRead: hasApi };
  }
  // What FACEIT itself has told is newer than this webhook: it was reopened since.
  if (state.match !== null && match.version < state.match.version) {
    return hasApi ? { ...state, mustRead: true } : state;
  }
  const { status, version } = match;
  return {
    ...state,
    phase: "closing",
    end: { version, status, at: now, confirmed: !hasApi, contradicted: 0 },
    mustRead: hasApi,
    retries: fresh(state),
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

/** A webhook without rosters does not take away those that are known. */
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
