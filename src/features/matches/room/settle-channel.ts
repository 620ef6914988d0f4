import { fullPlace, type DiscordFailure } from "../../../platform/discord/call.ts";
import {
  MISSING_PERMISSIONS,
  NOT_A_MEMBER,
  UNKNOWN_CHANNEL,
} from "../../../platform/discord/constants.ts";
import type { Result } from "../../../platform/result.ts";
import { FACTIONS, type Faction } from "../../../protocol/match.ts";
import { keyOf, type Action } from "./action.ts";
import {
  type RoomState,
  type SideState,
  withSide,
  withTrouble,
  withTroubleIfAgain,
} from "./room-state.ts";
import {
  ABSENCES_MAX,
  clearRetry,
  retryAfterFailure,
  retryLater,
  MOST_RETRY_MS,
  retryAfterPause,
  REFUSED_FIRST_MS,
  REFUSED_MOST_MS,
} from "./timetable.ts";
import type { TroubleKind } from "./trouble.ts";

/** A channel found in the guild, and the users whom its overwrites let in. */
export type FoundChannel = { readonly id: string; readonly access: readonly string[] };

/** Discord's code for an invalid form body, and the form error for a category that does not exist. */
const INVALID_FORM = 50_035;
const NO_SUCH_CATEGORY = "CHANNEL_PARENT_INVALID";
/** Discord's codes for a role that does not exist. */
const NO_SUCH_ROLE: readonly number[] = [50_028, 10_011];

/** The state after a reservation. If another match has the name, the next candidate differs. */
export function settleReserve(
  state: RoomState,
  { faction, name }: Extract<Action, { kind: "reserve" }>,
  taken: boolean,
): RoomState {
  const { namesTaken } = state.sides[faction];
  return clearRetry(
    withSide(state, faction, {
      reserving: false,
      ...(taken ? { namesTaken: namesTaken + 1 } : { name }),
    }),
    `reserve/${faction}`,
  );
}

/** The state after Discord was asked to create a channel. */
export function settleCreate(
  before: RoomState,
  action: Extract<Action, { kind: "create" }>,
  result: Result<{ readonly id: string }, DiscordFailure>,
  now: number,
): RoomState {
  const { faction, people } = action;
  const key = keyOf(action);
  const side = before.sides[faction];
  if (result.ok) {
    const known = action.withMoving ? before : withTrouble(before, "moving");
    return clearRetry(opened(known, faction, { id: result.value.id, access: people }), key);
  }
  const { error } = result;
  const not = (change: Partial<SideState>, trouble?: TroubleKind): RoomState =>
    withSide(trouble === undefined ? before : withTrouble(before, trouble), faction, {
      creationUnanswered: false,
      ...change,
    });
  switch (error.kind) {
    case "rate_limited":
      return retryAfterPause(not({}), key, now, error.retryAfterMs);
    case "unauthorized":
      return retryAfterPause(not({ problem: "discord_refused" }), key, now, error.retryAfterMs);
    case "failed":
    case "unknown_outcome": {
      const find = `find/${faction}`;
      const doubt = withSide(before, faction, { problem: "discord_unreachable" });
      return retryLater(doubt, find, now);
    }
    case "refused": {
      const full = fullPlace(error);
      if (full === "guild") {
        return retryLater(
          not({ problem: "discord_full" }, "full"),
          key,
          now,
          10_000,
          MOST_RETRY_MS,
        );
      }
      if (full === "category" && action.withCategory) return not({ withoutCategory: true });
      if (NO_SUCH_ROLE.includes(error.code) && action.withStaff) {
        return not({ withoutStaff: true }, "staffRole");
      }
      const isNoCategory =
        error.code === UNKNOWN_CHANNEL || error.formErrors?.includes(NO_SUCH_CATEGORY) === true;
      if (isNoCategory && action.withCategory) return not({ withoutCategory: true }, "category");
      // Discord does not always say what it refused, so drop one part after the other: people, category, role.
      if (error.code === INVALID_FORM || NOT_A_MEMBER.includes(error.code)) {
        if (!side.withoutPeople) return not({ withoutPeople: true });
        if (action.withCategory) return not({ withoutCategory: true }, "category");
        if (action.withStaff) return not({ withoutStaff: true }, "staffRole");
      }
      if (error.code === MISSING_PERMISSIONS && action.withMoving) {
        return not({ withoutMoving: true });
      }
      const refused = withTroubleIfAgain(not({ problem: "discord_refused" }), key, "refused");
      return retryLater(refused, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
    }
  }
}

function opened(state: RoomState, faction: Faction, channel: FoundChannel): RoomState {
  const side = state.sides[faction];
  const admitted = channel.access.map((userId) => `${faction}:${userId}`);
  return withSide({ ...state, admitted: [...new Set([...state.admitted, ...admitted])] }, faction, {
    channel,
    creationUnanswered: false,
    missedSearches: 0,
    channelsMade: side.channelsMade + 1,
    problem: null,
  });
}

/** The state after a search for the channel of an unanswered creation. */
export function settleFind(
  before: RoomState,
  action: Extract<Action, { kind: "find" }>,
  result: Result<FoundChannel | null, DiscordFailure>,
  now: number,
): RoomState {
  const { faction } = action;
  const key = keyOf(action);
  if (!result.ok) return notSeen(before, key, result.error, now);
  const state = withSide(before, faction, { maybeDuplicate: true });
  if (result.value !== null) return clearRetry(opened(state, faction, result.value), key);
  const missedSearches = state.sides[faction].missedSearches + 1;
  // Discord may still be working on the creation.
  if (missedSearches < ABSENCES_MAX) {
    return retryLater(withSide(state, faction, { missedSearches }), key, now);
  }
  const isOver = state.phase !== "live";
  return clearRetry(
    withSide(state, faction, {
      creationUnanswered: false,
      missedSearches: 0,
      maybeDuplicate: !isOver,
    }),
    key,
  );
}

/** The state after a check. Channels that were deleted by hand are created again. */
export function settleCheck(
  before: RoomState,
  { wanted }: Extract<Action, { kind: "check" }>,
  result: Result<ReadonlySet<string>, DiscordFailure>,
  now: number,
): RoomState {
  if (!result.ok) return notSeen(before, "check", result.error, now);
  // `wanted`, not `checksWanted`: a request that came meanwhile needs another check.
  let state = clearRetry({ ...before, checksDone: wanted }, "check");
  for (const faction of FACTIONS) {
    const { channel, maybeDuplicate } = state.sides[faction];
    if (channel !== null && !result.value.has(channel.id)) {
      // If an answer was lost, a second channel of this name may exist: look for it first.
      state = withSide(state, faction, {
        channel: null,
        creationUnanswered: maybeDuplicate,
        missedSearches: 0,
      });
    }
  }
  return state;
}

/** The state after Discord did not list the guild's channels. */
function notSeen(state: RoomState, key: string, error: DiscordFailure, now: number): RoomState {
  const isRefused = error.kind === "refused";
  const known = isRefused ? withTroubleIfAgain(state, key, "access") : state;
  return retryAfterFailure(known, key, error, now);
}

/** The state after a side's name was released. */
export function settleRelease(
  state: RoomState,
  { faction }: Extract<Action, { kind: "release" }>,
): RoomState {
  const nothing = {
    name: null,
    reserving: false,
    channel: null,
    creationUnanswered: false,
    maybeDuplicate: false,
  };
  return withSide(state, faction, { ...nothing, problem: null });
}
