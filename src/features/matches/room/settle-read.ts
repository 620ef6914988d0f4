import type { Result } from "../../../platform/result.ts";
import { type Backoff, doublingPause } from "../../../protocol/backoff.ts";
import { ENDED_STATUSES } from "../../../protocol/match.ts";
import { demosOf, type FaceitMatch } from "../faceit-match.ts";
import type { FaceitFailure } from "../ports.ts";
import { reopened } from "./revive.ts";
import { type MatchEnd, type RoomState, withoutTroubles, withTrouble } from "./room-state.ts";
import {
  CONTRADICTIONS_MAX,
  clearRetry,
  FIRST_RETRY_MS,
  retryLater,
  MOST_RETRY_MS,
  retryAfterPause,
} from "./timetable.ts";
import { FACEIT_TROUBLES } from "./trouble.ts";

/** The first pause after FACEIT refused our key, and the longest after any failed read, milliseconds. */
const KEY_REFUSED_MS = 60_000;
const MOST_READ_RETRY_MS = 5 * 60_000;
/** The longest pause while FACEIT's answers are older than its webhook, milliseconds. */
const LAG_BACKOFF: Backoff = { firstMs: FIRST_RETRY_MS, mostMs: 15_000 };

/** "Not found" answers in a row after which a closed match is no longer asked about. */
const NOT_FOUND_MAX = 3;
/** The longest pause between reads of a closed match that keep failing, milliseconds. */
const MOST_CLOSED_RETRY_MS = 60 * 60_000;

/** Failures in a row, or refusals of our key, after which an operator is told. */
const LASTING_FAILURES = 8;
const LASTING_REFUSALS = 3;

/** The outcome of reading the match from FACEIT. */
export type ReadOutcome = {
  readonly kind: "read";
  readonly result: Result<FaceitMatch, FaceitFailure>;
  /** The guild that plays it, by FACEIT's own answer; null: none of our guilds. */
  readonly guildId: string | null;
};

/** The state after the match was read from FACEIT. */
export function settleRead(
  hinted: RoomState,
  { result, guildId }: ReadOutcome,
  now: number,
): RoomState {
  // Until FACEIT's first own answer the guild is known only from a webhook, which anybody might forge.
  const isFirst = result.ok && hinted.match === null;
  if (isFirst && guildId === null) return notOurs(clearRetry(hinted, "read"), result.value, now);
  const before = isFirst ? { ...hinted, guildId: guildId ?? hinted.guildId } : hinted;
  if (!result.ok) {
    const { error } = result;
    if (error.kind === "rate_limited")
      return retryAfterPause(before, "read", now, error.retryAfterMs);
    if (error.kind === "not_found") return notFound(before, now);
    const first = error.kind === "refused" ? KEY_REFUSED_MS : FIRST_RETRY_MS;
    const failedNow = retryLater(before, "read", now, first, mostPause(before));
    const count = failedNow.retries["read"]?.count ?? 0;
    const isRefused = error.kind === "refused";
    const isLasting = count >= (isRefused ? LASTING_REFUSALS : LASTING_FAILURES);
    if (before.phase === "closed" || !isLasting) return failedNow;
    return withTrouble(failedNow, isRefused ? "faceitKey" : "faceitDown");
  }
  const match = result.value;
  const known = before.match;
  const isBehind = match.version < Math.max(before.version, known?.version ?? 0);
  const waits = isBehind && lagsOf(before) < CONTRADICTIONS_MAX;
  // Ignore an older answer, unless FACEIT keeps repeating it.
  const isOld = waits && known !== null && match.version < known.version;
  const facts = isOld ? known : withDemosOf(match, known);
  const read: RoomState = {
    ...withoutTroubles(before, FACEIT_TROUBLES),
    match: facts,
    readAt: now,
    heardAt: now,
    emptyReads: facts.rosters === null ? before.emptyReads + 1 : 0,
    mustRead: false,
  };
  const judged = clearRetry(isOld ? read : judge(read, match, now), "missing");
  return isBehind ? askAgain(before, judged, waits, now) : clearRetry(judged, "lag");
}

function mostPause({ phase }: RoomState): number {
  return phase === "closed" ? MOST_CLOSED_RETRY_MS : MOST_READ_RETRY_MS;
}

/** FACEIT has no such match. For a closed match this is soon accepted, because nothing depends on it any more. */
function notFound(state: RoomState, now: number): RoomState {
  const count = (state.retries["missing"]?.count ?? 0) + 1;
  if (state.phase === "closed" && count >= NOT_FOUND_MAX) {
    return { ...clearRetry(clearRetry(state, "read"), "missing"), mustRead: false };
  }
  const again = retryLater(state, "read", now, FIRST_RETRY_MS, mostPause(state));
  return { ...again, retries: { ...again.retries, missing: { count, notBefore: now } } };
}

/** Keeps the recordings that are known when a newer answer has none. */
function withDemosOf(match: FaceitMatch, known: FaceitMatch | null): FaceitMatch {
  if (known === null || demosOf(match).length > 0) return match;
  return { ...match, demoUrl: known.demoUrl, demoUrls: demosOf(known) };
}

/** Closes a match that was ours by a webhook, but is not ours by FACEIT's answer. */
function notOurs(state: RoomState, { version, status }: FaceitMatch, now: number): RoomState {
  const end = { version, status, at: now, confirmed: true, contradicted: 0 };
  return { ...state, phase: "closed", end, readAt: now, heardAt: now, mustRead: false };
}

/** Answers in a row that were older than the newest version known. */
function lagsOf({ retries }: RoomState): number {
  return retries["lag"]?.count ?? 0;
}

/** Compares the match's end with FACEIT's answer. */
function judge(read: RoomState, match: FaceitMatch, now: number): RoomState {
  if (ENDED_STATUSES.has(match.status)) return confirmEnd(clearRetry(read, "read"), match, now);
  const { end } = read;
  return end === null ? clearRetry(read, "read") : contradict(read, end, match, now);
}

/** Reads again soon: FACEIT's answer was older than its webhook. `waits` false: no newer one is expected. */
function askAgain(before: RoomState, judged: RoomState, waits: boolean, now: number): RoomState {
  const count = lagsOf(before) + 1;
  const notBefore = now + doublingPause(LAG_BACKOFF, count - 1);
  const retries = { ...judged.retries, lag: { count, notBefore }, read: { count: 0, notBefore } };
  return { ...judged, mustRead: waits || judged.mustRead, retries };
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

/** FACEIT's answer contradicts the end of the match. */
function contradict(state: RoomState, end: MatchEnd, match: FaceitMatch, now: number): RoomState {
  const contradicted = end.contradicted + 1;
  // A newer version means that it was reopened; repeated contradiction means that the webhook was wrong.
  if (match.version > end.version || (!end.confirmed && contradicted >= CONTRADICTIONS_MAX)) {
    return reopened(clearRetry(state, "read"));
  }
  if (end.confirmed) return clearRetry(state, "read");
  const waiting = { ...state, mustRead: true, end: { ...end, contradicted } };
  return retryLater(waiting, "read", now, FIRST_RETRY_MS, MOST_RETRY_MS);
}
