import {
  fullPlace,
  isUnknownChannel,
  type DiscordFailure,
} from "../../../platform/discord/call.ts";
import type { Result } from "../../../platform/result.ts";
import { ENDED_STATUSES, FACTIONS } from "../../../protocol/match.ts";
import type { FaceitMatch } from "../faceit-match.ts";
import type { FaceitFailure } from "../ports.ts";
import { keyOf, type Action } from "./action.ts";
import { withSide, type RoomState, type SideState } from "./room-state.ts";
import { ABSENCES_MAX, backOff, CONTRADICTIONS_MAX, silentAt } from "./timetable.ts";

/** A channel as a look at Discord found it. */
export type FoundChannel = { readonly id: string; readonly access: readonly string[] };

/** What came of an action. `broke`: a part of ours failed, and nobody knows how far it got. */
export type Outcome =
  | {
      readonly kind: "read";
      readonly result: Result<FaceitMatch, FaceitFailure>;
      /** The guild that plays it, as FACEIT itself says; null: nobody of ours. */
      readonly guildId: string | null;
    }
  | { readonly kind: "reserve"; readonly taken: boolean }
  | { readonly kind: "create"; readonly result: Result<{ readonly id: string }, DiscordFailure> }
  | { readonly kind: "find"; readonly result: Result<FoundChannel | null, DiscordFailure> }
  | { readonly kind: "discord"; readonly result: Result<unknown, DiscordFailure> }
  | { readonly kind: "check"; readonly result: Result<ReadonlySet<string>, DiscordFailure> }
  | { readonly kind: "done" }
  | { readonly kind: "broke" };

const FIRST_RETRY_MS = 1_000;
const MOST_RETRY_MS = 60_000;
/** After a refusal nothing gets better by itself soon (discord.md §2: stop on 403). */
const REFUSED_FIRST_MS = 30_000;
const REFUSED_MOST_MS = 10 * 60_000;
/** FACEIT's key is refused. */
const KEY_REFUSED_MS = 60_000;
const MOST_READ_RETRY_MS = 5 * 60_000;

/** Discord's codes for a form that it does not take, and for somebody who is not in the guild. */
const INVALID_FORM = 50_035;
const UNKNOWN_MEMBER: readonly number[] = [10_007, 10_013];

/**
 * What has to be remembered before an action is done, because the process may end in the middle: a
 * channel that is asked for may come to be without an answer; a message is sent at most once.
 */
export function begin(state: RoomState, action: Action): RoomState {
  switch (action.kind) {
    case "create":
      return withSide(state, action.faction, { asked: true, absences: 0 });
    case "message":
      return { ...state, messaged: [...state.messaged, action.userId] };
    case "notice":
      return { ...state, noticed: true };
    default:
      return state;
  }
}

/** The state after an action, whatever happened meanwhile. */
export function settle(
  before: RoomState,
  action: Action,
  outcome: Outcome,
  now: number,
): RoomState {
  const key = keyOf(action);
  if (outcome.kind === "broke") return later(before, key, now, FIRST_RETRY_MS, MOST_RETRY_MS);
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
      return outcome.kind === "check" ? settleCheck(before, outcome.result, now) : before;
    case "release":
      return settleRelease(done(before, key), action);
    case "tell":
      return done({ ...before, told: Math.max(before.told, action.revision) }, key);
    case "store":
      return done({ ...before, stored: Math.max(before.stored, action.revision) }, key);
    default:
      return outcome.kind === "discord"
        ? settleDiscord(before, action, outcome.result, now)
        : before;
  }
}

function settleRead(
  hinted: RoomState,
  { result, guildId }: Extract<Outcome, { kind: "read" }>,
  now: number,
): RoomState {
  // Which guild it is was only a webhook's word, until FACEIT itself was asked for the first time.
  const isFirst = result.ok && hinted.match === null;
  if (isFirst && guildId === null) return notOurs(done(hinted, "read"), result.value, now);
  const before = isFirst ? { ...hinted, guildId: guildId ?? hinted.guildId } : hinted;
  if (!result.ok) {
    const { error } = result;
    if (error.kind === "rate_limited") return notBefore(before, "read", now + error.retryAfterMs);
    const first = error.kind === "refused" ? KEY_REFUSED_MS : FIRST_RETRY_MS;
    return later(before, "read", now, first, MOST_READ_RETRY_MS);
  }
  const match = result.value;
  const known = before.match;
  const isNewer = known === null || match.version >= known.version;
  const facts = isNewer ? { ...match, demoUrl: match.demoUrl ?? known?.demoUrl ?? null } : known;
  const read: RoomState = {
    ...before,
    match: facts,
    readAt: now,
    heardAt: now,
    emptyReads: facts.rosters === null ? before.emptyReads + 1 : 0,
    mustRead: false,
  };
  if (ENDED_STATUSES.has(match.status)) return confirmEnd(done(read, "read"), match, now);
  if (before.end !== null) return contradict(read, match, now);
  // FACEIT itself is behind its webhook: soon again.
  return match.version < before.version
    ? { ...later(read, "read", now, FIRST_RETRY_MS, 15_000), mustRead: lags(before) }
    : done(read, "read");
}

/** A webhook called it ours, and FACEIT says that it is somebody else's: nothing is done for it. */
function notOurs(state: RoomState, { version, status }: FaceitMatch, now: number): RoomState {
  const end = { version, status, at: now, confirmed: true, contradicted: 0 };
  return { ...state, phase: "closed", end, readAt: now, heardAt: now, mustRead: false };
}

/** Whether FACEIT is given more time to know what its own webhook said. */
function lags({ retries }: RoomState): boolean {
  return (retries["read"]?.count ?? 0) < CONTRADICTIONS_MAX;
}

function confirmEnd(state: RoomState, match: FaceitMatch, now: number): RoomState {
  const { version, status } = match;
  const end = {
    version,
    status,
    at: state.end?.at ?? now,
    confirmed: true,
    contradicted: 0,
  };
  if (state.end !== null) return { ...state, end };
  return { ...state, end, phase: "closing", retries: {} };
}

/** A webhook said that it is over, and FACEIT says that it is not. */
function contradict(state: RoomState, match: FaceitMatch, now: number): RoomState {
  const { end } = state;
  if (end === null) return state;
  const contradicted = end.contradicted + 1;
  // Newer than the end: reopened. Always the same answer: the webhook was wrong.
  if (match.version > end.version || (!end.confirmed && contradicted >= CONTRADICTIONS_MAX)) {
    return reopened(done(state, "read"));
  }
  if (end.confirmed) return done(state, "read");
  const waiting = { ...state, mustRead: true, end: { ...end, contradicted } };
  return later(waiting, "read", now, FIRST_RETRY_MS, MOST_RETRY_MS);
}

function reopened(state: RoomState): RoomState {
  return {
    ...state,
    phase: "live",
    end: null,
    moved: [],
    messaged: [],
    evacuated: [],
    noticed: false,
    retries: {},
    sides: {
      faction1: { ...state.sides.faction1, made: 0, problem: null },
      faction2: { ...state.sides.faction2, made: 0, problem: null },
    },
  };
}

function settleReserve(
  state: RoomState,
  { faction, name }: Extract<Action, { kind: "reserve" }>,
  taken: boolean,
): RoomState {
  const { namesTaken } = state.sides[faction];
  return done(
    withSide(state, faction, taken ? { namesTaken: namesTaken + 1 } : { name }),
    `reserve/${faction}`,
  );
}

function settleCreate(
  before: RoomState,
  action: Extract<Action, { kind: "create" }>,
  result: Result<{ readonly id: string }, DiscordFailure>,
  now: number,
): RoomState {
  const { faction, people } = action;
  const key = keyOf(action);
  const side = before.sides[faction];
  if (result.ok) return done(opened(before, faction, { id: result.value.id, access: people }), key);
  const { error } = result;
  const not = (change: Partial<SideState>): RoomState =>
    withSide(before, faction, { asked: false, ...change });
  switch (error.kind) {
    case "rate_limited":
      return notBefore(not({}), key, now + error.retryAfterMs);
    case "unauthorized":
      return notBefore(not({ problem: "discord_refused" }), key, now + error.retryAfterMs);
    case "failed":
    case "unknown_outcome": {
      const find = `find/${faction}`;
      const doubt = withSide(before, faction, { doubtful: true, problem: "discord_unreachable" });
      return later(doubt, find, now, FIRST_RETRY_MS, MOST_RETRY_MS);
    }
    case "refused": {
      const full = fullPlace(error);
      if (full === "guild") {
        return later(not({ problem: "discord_full" }), key, now, 10_000, MOST_RETRY_MS);
      }
      if (full === "category") return not({ withoutCategory: true });
      // Discord does not say which of it: somebody who is not in the guild, or a category that is gone.
      if (error.code === INVALID_FORM || UNKNOWN_MEMBER.includes(error.code)) {
        if (!side.withoutPeople) return not({ withoutPeople: true });
        if (action.withCategory) return not({ withoutCategory: true });
      }
      const refused = not({ problem: "discord_refused" });
      return later(refused, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
    }
  }
}

function opened(
  state: RoomState,
  faction: "faction1" | "faction2",
  channel: FoundChannel,
): RoomState {
  const side = state.sides[faction];
  const admitted = channel.access.map((userId) => `${faction}:${userId}`);
  return withSide({ ...state, admitted: [...new Set([...state.admitted, ...admitted])] }, faction, {
    channel,
    asked: false,
    absences: 0,
    made: side.made + 1,
    problem: null,
  });
}

function settleFind(
  before: RoomState,
  action: Extract<Action, { kind: "find" }>,
  result: Result<FoundChannel | null, DiscordFailure>,
  now: number,
): RoomState {
  const { faction } = action;
  const key = keyOf(action);
  if (!result.ok) return failed(before, key, result.error, now);
  const state = withSide(before, faction, { doubtful: true });
  if (result.value !== null) return done(opened(state, faction, result.value), key);
  const absences = state.sides[faction].absences + 1;
  // Discord may still be busy with what it was asked.
  if (absences < ABSENCES_MAX) {
    return later(withSide(state, faction, { absences }), key, now, FIRST_RETRY_MS, MOST_RETRY_MS);
  }
  const isOver = state.phase !== "live";
  return done(withSide(state, faction, { asked: false, absences: 0, doubtful: !isOver }), key);
}

/** Channels that somebody deleted by hand are made again. */
function settleCheck(
  before: RoomState,
  result: Result<ReadonlySet<string>, DiscordFailure>,
  now: number,
): RoomState {
  if (!result.ok) return failed(before, "check", result.error, now);
  let state = done({ ...before, mustCheck: false }, "check");
  for (const faction of FACTIONS) {
    const { channel } = state.sides[faction];
    if (channel !== null && !result.value.has(channel.id)) {
      state = withSide(state, faction, { channel: null });
    }
  }
  return state;
}

function settleRelease(
  state: RoomState,
  { faction }: Extract<Action, { kind: "release" }>,
): RoomState {
  return withSide(state, faction, { name: null, doubtful: false, problem: null });
}

function settleDiscord(
  before: RoomState,
  action: Action,
  result: Result<unknown, DiscordFailure>,
  now: number,
): RoomState {
  const key = keyOf(action);
  if (!result.ok && !isFinal(action, result.error)) {
    return failed(undone(before, action, result.error), key, result.error, now);
  }
  const state = done(before, key);
  switch (action.kind) {
    case "grant": {
      const { faction, userId } = action;
      if (!result.ok) return { ...state, absent: [...state.absent, userId] };
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
        return { ...state, absent: [...state.absent, action.userId] };
      }
      // Who was not in voice any more is moved when they come back.
      if (result.ok && result.value === "not_in_voice") {
        return later(before, key, now, FIRST_RETRY_MS, MOST_RETRY_MS);
      }
      return { ...state, moved: [...state.moved, `${action.faction}:${action.userId}`] };
    }
    case "evict":
      return {
        ...state,
        evacuated: [...state.evacuated, action.userId],
        admitted: state.admitted.filter((one) => !one.endsWith(`:${action.userId}`)),
      };
    case "delete": {
      const { channel, doubtful } = state.sides[action.faction];
      if (channel?.id !== action.channelId) return state;
      return withSide(state, action.faction, { channel: null, doubtful });
    }
    default:
      return state;
  }
}

/** What was remembered before and did not happen; a channel that is not there has to be looked for. */
function undone(state: RoomState, action: Action, error: DiscordFailure): RoomState {
  if (action.kind === "message") {
    return { ...state, messaged: state.messaged.filter((userId) => userId !== action.userId) };
  }
  if (action.kind === "notice") return { ...state, noticed: false };
  const isMissing = error.kind === "refused" && isUnknownChannel(error);
  return isMissing && state.phase === "live" ? { ...state, mustCheck: true } : state;
}

/** Whether trying again would change nothing: what was asked for is a convenience, or cannot be. */
function isFinal(action: Action, error: DiscordFailure): boolean {
  if (action.kind === "message" || action.kind === "notice") return error.kind !== "rate_limited";
  if (error.kind !== "refused") return false;
  if (action.kind === "grant") return UNKNOWN_MEMBER.includes(error.code);
  return action.kind === "move" || action.kind === "evict";
}

function failed(state: RoomState, key: string, error: DiscordFailure, now: number): RoomState {
  switch (error.kind) {
    case "rate_limited":
    case "unauthorized":
      return notBefore(state, key, now + error.retryAfterMs);
    case "refused":
      return later(state, key, now, REFUSED_FIRST_MS, REFUSED_MOST_MS);
    default:
      return later(state, key, now, FIRST_RETRY_MS, MOST_RETRY_MS);
  }
}

function done(state: RoomState, key: string): RoomState {
  if (state.retries[key] === undefined) return state;
  const { [key]: _, ...retries } = state.retries;
  return { ...state, retries };
}

function later(
  state: RoomState,
  key: string,
  now: number,
  firstMs: number,
  mostMs: number,
): RoomState {
  const count = (state.retries[key]?.count ?? 0) + 1;
  const retry = { count, notBefore: now + backOff(count, firstMs, mostMs) };
  return { ...state, retries: { ...state.retries, [key]: retry } };
}

/** Somebody said when: that is no failure of its own. */
function notBefore(state: RoomState, key: string, at: number): RoomState {
  const count = state.retries[key]?.count ?? 0;
  return { ...state, retries: { ...state.retries, [key]: { count, notBefore: at } } };
}

/** A match of which nothing was heard for hours is taken for over, unless somebody is in its channels. */
export function expire(state: RoomState, isEmpty: boolean, now: number): RoomState {
  if (state.phase !== "live" || !isEmpty || now < silentAt(state)) return state;
  const { version, match } = state;
  const status = match?.status ?? "CANCELLED";
  const end = { version, status, at: now, confirmed: false, contradicted: 0 };
  return { ...state, phase: "closing", end, retries: {} };
}
