import { isUnknownChannel, type DiscordFailure } from "../../../platform/discord/call.ts";
import {
  MISSING_ACCESS,
  MISSING_PERMISSIONS,
  NOT_A_MEMBER,
  UNKNOWN_CHANNEL,
} from "../../../platform/discord/constants.ts";
import type { Result } from "../../../platform/result.ts";
import { keyOf, type Action } from "./action.ts";
import {
  type RoomState,
  withCheck,
  withSide,
  withTrouble,
  withTroubleIfAgain,
} from "./room-state.ts";
import {
  settleCheck,
  settleCreate,
  settleFind,
  settleRelease,
  settleReserve,
  type FoundChannel,
} from "./settle-channel.ts";
import { settleRead, type ReadOutcome } from "./settle-read.ts";
import {
  clearRetry,
  retryAfterFailure,
  clearedRetries,
  isPutOff,
  retryLater,
  REFUSED_FIRST_MS,
  REFUSED_MOST_MS,
  silentAt,
} from "./timetable.ts";

/** The outcome of an action. `broke`: our own code or storage failed, and how far it got is unknown. */
export type Outcome =
  | ReadOutcome
  | { readonly kind: "reserve"; readonly taken: boolean }
  | { readonly kind: "create"; readonly result: Result<{ readonly id: string }, DiscordFailure> }
  | { readonly kind: "find"; readonly result: Result<FoundChannel | null, DiscordFailure> }
  | { readonly kind: "discord"; readonly result: Result<unknown, DiscordFailure> }
  | { readonly kind: "check"; readonly result: Result<ReadonlySet<string>, DiscordFailure> }
  | { readonly kind: "done" }
  | { readonly kind: "broke" };

/**
 * The state to store before an action runs, because the process may stop in the middle: a reservation or a
 * channel may take effect although its answer is lost, and a message is sent at most once.
 */
export function begin(state: RoomState, action: Action): RoomState {
  switch (action.kind) {
    case "reserve":
      return withSide(state, action.faction, { reserving: true });
    case "create":
      return withSide(state, action.faction, { creationUnanswered: true, missedSearches: 0 });
    case "message":
      return { ...state, messaged: [...state.messaged, action.userId] };
    case "notice":
      return { ...state, noticePosted: true };
    case "complain":
      return { ...state, postedTroubles: [...state.postedTroubles, action.trouble] };
    default:
      return state;
  }
}

/** The state after an action. `before` may have changed since the action was decided. */
export function settle(
  before: RoomState,
  action: Action,
  outcome: Outcome,
  now: number,
): RoomState {
  const key = keyOf(action);
  if (outcome.kind === "broke") return retryLater(before, key, now);
  switch (action.kind) {
    case "read":
      return outcome.kind === "read" ? settleRead(before, outcome, now) : before;
    case "reserve":
      return outcome.kind === "reserve" ? settleReserve(before, action, outcome.taken) : before;
    case "create":
      return outcome.kind === "create" ? settleCreate(before, action, outcome.result, now) : before;
    case "find":
      return outcome.kind === "find" ? settleFind(before, action, outcome.result, now) : before;
    case "check":
      return outcome.kind === "check" ? settleCheck(before, action, outcome.result, now) : before;
    case "release":
      return settleRelease(clearRetry(before, key), action);
    case "tell":
      return clearRetry(
        { ...before, toldRevision: Math.max(before.toldRevision, action.revision) },
        key,
      );
    case "store":
      return clearRetry(
        { ...before, storedRevision: Math.max(before.storedRevision, action.revision) },
        key,
      );
    default:
      return outcome.kind === "discord"
        ? settleDiscord(before, action, outcome.result, now)
        : before;
  }
}

function settleDiscord(
  before: RoomState,
  action: Action,
  result: Result<unknown, DiscordFailure>,
  now: number,
): RoomState {
  const key = keyOf(action);
  if (!result.ok && !isFinal(action, result.error)) {
    return retryAfterFailure(
      afterFailedAttempt(before, action, result.error),
      key,
      result.error,
      now,
    );
  }
  const known = result.ok ? before : withTroubleOf(before, action, result.error);
  const state = clearRetry(known, key);
  switch (action.kind) {
    case "grant": {
      const { faction, userId } = action;
      if (!result.ok) return withAbsent(before, userId, key, now);
      const { channel } = state.sides[faction];
      if (channel?.id !== action.channelId) return state;
      return withSide(
        { ...state, admitted: [...new Set([...state.admitted, `${faction}:${userId}`])] },
        faction,
        { channel: { ...channel, access: [...channel.access, userId] } },
      );
    }
    case "revoke": {
      const { channel } = state.sides[action.faction];
      if (channel?.id !== action.channelId) return state;
      const access = channel.access.filter((userId) => userId !== action.userId);
      return withSide(state, action.faction, { channel: { ...channel, access } });
    }
    case "move": {
      if (result.ok && result.value === "not_member") {
        return withAbsent(before, action.userId, key, now);
      }
      // The user has left voice: they are moved when they come back.
      if (result.ok && result.value === "not_in_voice") {
        return retryLater(before, key, now);
      }
      return { ...state, moved: [...state.moved, `${action.faction}:${action.userId}`] };
    }
    case "evict":
      return evicted(state, action, result.ok);
    case "delete": {
      const { channel, maybeDuplicate } = state.sides[action.faction];
      if (channel?.id !== action.channelId) return state;
      return withSide(state, action.faction, { channel: null, maybeDuplicate });
    }
    default:
      return state;
  }
}

/** Adds the trouble that a final refusal reveals about the guild or its settings. */
function withTroubleOf(state: RoomState, action: Action, error: DiscordFailure): RoomState {
  if (error.kind !== "refused") return state;
  const isForbidden = error.code === MISSING_PERMISSIONS || error.code === MISSING_ACCESS;
  switch (action.kind) {
    case "notice":
    case "complain": {
      const isGone = isForbidden || isUnknownChannel(error);
      return isGone ? withTrouble(state, "noticeChannel") : state;
    }
    case "move":
      return isForbidden ? withTrouble(state, "moving") : state;
    case "evict":
      if (isForbidden) return withTrouble(state, "moving");
      return action.channelId !== null && isUnknownChannel(error)
        ? withTrouble(state, "lobby")
        : state;
    default:
      return state;
  }
}

/** Marks a user as not in the guild, with a long pause even if the hub sees them in voice. */
function withAbsent(state: RoomState, userId: string, key: string, now: number): RoomState {
  const absent = [...new Set([...state.absent, userId])];
  return retryLater({ ...state, absent }, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
}

/** The state after an eviction. If the lobby failed while the match is live, the next one disconnects the user. */
function evicted(
  state: RoomState,
  { userId, channelId }: Extract<Action, { kind: "evict" }>,
  isOut: boolean,
): RoomState {
  const isLive = state.phase === "live";
  const evacuated = isLive && isOut ? state.evacuated : [...new Set([...state.evacuated, userId])];
  if (isLive && !isOut && channelId !== null) return { ...state, evacuated };
  const admitted = state.admitted.filter((one) => !one.endsWith(`:${userId}`));
  return { ...state, evacuated, admitted };
}

/** Reverts {@link begin} for a message that was not sent, and notes what else a failure that is retried reveals. */
function afterFailedAttempt(state: RoomState, action: Action, error: DiscordFailure): RoomState {
  if (action.kind === "message") {
    return { ...state, messaged: state.messaged.filter((userId) => userId !== action.userId) };
  }
  if (action.kind === "notice") return { ...state, noticePosted: false };
  if (action.kind === "complain") {
    return {
      ...state,
      postedTroubles: state.postedTroubles.filter((kind) => kind !== action.trouble),
    };
  }
  if (error.kind !== "refused") return state;
  if (action.kind === "delete") return withTroubleIfAgain(state, keyOf(action), "undeletable");
  if (isUnknownChannel(error)) return withCheck(state);
  return action.kind === "grant" || action.kind === "revoke"
    ? withTroubleIfAgain(state, keyOf(action), "access")
    : state;
}

/** Actions whose result people read: a repetition would be seen. */
const SENT: ReadonlySet<Action["kind"]> = new Set(["message", "notice", "complain"]);

/** Whether the action is not retried: it is only a convenience, or repeating it cannot help. */
function isFinal(action: Action, error: DiscordFailure): boolean {
  if (SENT.has(action.kind)) return !isPutOff(error);
  if (error.kind !== "refused") return false;
  if (action.kind === "grant") return NOT_A_MEMBER.includes(error.code);
  // If our own channel is missing, a check must find out and the move is retried; an eviction goes to the lobby.
  if (action.kind === "move") return error.code !== UNKNOWN_CHANNEL;
  return action.kind === "evict";
}

/** Ends a match of which nothing was heard for hours, unless somebody is in its channels. */
export function expire(state: RoomState, isEmpty: boolean, now: number): RoomState {
  if (state.phase !== "live" || !isEmpty || now < silentAt(state)) return state;
  const { version, match } = state;
  const status = match?.status ?? "CANCELLED";
  const end = { version, status, at: now, confirmed: false, contradicted: 0 };
  return { ...state, phase: "closing", end, retries: clearedRetries(state) };
}
