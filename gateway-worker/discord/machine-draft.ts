import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import { RESUMABLE_CLOSE_CODE } from "./close-policy.ts";
import type { Circumstances, Effect, MachineState, Phase } from "./machine-state.ts";

/** Time until a new connection must have said HELLO, milliseconds. */
export const HELLO_DEADLINE_MS = 20_000;

/**
 * The phases that wait for an answer of Discord's: how long, in milliseconds, and what is said when
 * it does not come. Acknowledged beats are no answer: a gateway that is up can lack its sessions.
 */
export const DEADLINES = {
  discovering: { ms: 15_000, missing: "Discord's API did not answer GET /gateway/bot" },
  connecting: { ms: HELLO_DEADLINE_MS, missing: "Discord did not say HELLO" },
  identifying: { ms: 30_000, missing: "Discord did not answer IDENTIFY with READY" },
  // The replay of what was missed is part of it.
  resuming: { ms: 60_000, missing: "Discord did not answer RESUME with RESUMED" },
} as const satisfies Partial<Record<Phase, { readonly ms: number; readonly missing: string }>>;

/** A phase that waits for an answer of Discord's. */
export type AwaitingPhase = keyof typeof DEADLINES;

/**
 * How long a ready session may leave out the guild that this deployment is for, milliseconds. A
 * GUILD_CREATE that was lost comes only to a new session; an outage can last hours, and this keeps
 * it below 100 IDENTIFYs a day, of 1,000.
 */
export const GUILD_DEADLINE_MS = 15 * 60_000;

/** Frames that Discord takes from one connection in {@link SEND_WINDOW_MS}. */
export const SENDS_PER_WINDOW = 120;
export const SEND_WINDOW_MS = 60_000;

/** RESUMEs that may die on the way before the session is given up: some are dead for good. */
const RESUME_DEATHS_MAX = 3;

/** Connections to the resume address that may fail before the base address is asked. */
const RESUME_ADDRESS_FAILURES_MAX = 3;

const RECONNECT_BACKOFF: Backoff = { firstMs: 1_000, mostMs: 15_000 };

/** Collects a step: the state so far and the effects so far. */
export class Draft {
  state: MachineState;
  readonly effects: Effect[] = [];
  readonly now: number;
  readonly random: number;

  constructor(state: MachineState, circumstances: Circumstances) {
    this.state = state;
    this.now = circumstances.now;
    this.random = circumstances.random;
  }

  set(change: Partial<MachineState>): void {
    this.state = { ...this.state, ...change };
  }

  do(effect: Effect): void {
    this.effects.push(effect);
  }
}

/** Whether one more frame may be sent now, of `limit` in the window. */
export function takeSend(draft: Draft, limit: number): boolean {
  const recent = draft.state.sends.filter((at) => at > draft.now - SEND_WINDOW_MS);
  if (recent.length >= limit) {
    draft.set({ sends: recent });
    return false;
  }
  draft.set({ sends: [...recent, draft.now] });
  return true;
}

/** Begins to wait for an answer of Discord's, at most until the phase's deadline. */
export function awaitAnswer(draft: Draft, phase: AwaitingPhase): void {
  draft.set({ phase });
  draft.do({ type: "set-timer", name: "deadline", ms: DEADLINES[phase].ms });
}

/** Does nothing until it is time to {@link proceed}; the obstacle says why. */
export function pause(draft: Draft, obstacle: string, ms: number): number {
  const until = draft.now + ms;
  draft.set({ phase: "waiting", obstacle, retryAt: until });
  draft.do({ type: "set-timer", name: "reconnect", ms });
  return until;
}

/** Opens the next connection; its HELLO decides between IDENTIFY and RESUME. */
export function connect(draft: Draft, url: string): void {
  const connection = draft.state.connection + 1;
  draft.set({ connection, heartbeat: null, sends: [] });
  draft.do({ type: "connect", connection, url });
  awaitAnswer(draft, "connecting");
}

/** Goes for the next connection: to the resume address, or by way of `GET /gateway/bot`. */
export function proceed(draft: Draft): void {
  draft.set({ retryAt: null });
  const { session, addressFailures } = draft.state;
  if (session !== null && addressFailures < RESUME_ADDRESS_FAILURES_MAX) {
    connect(draft, session.resumeUrl);
    return;
  }
  draft.do({ type: "discover" });
  awaitAnswer(draft, "discovering");
}

/** Forgets the session: the next connection makes a new one. */
export function dropSession(draft: Draft, reason: string): void {
  if (draft.state.session === null) return;
  draft.set({ session: null, resumeDeaths: 0, addressFailures: 0 });
  draft.do({ type: "drop-session", reason });
}

/** Stops what belongs to one connection. */
export function clearConnectionTimers(draft: Draft): void {
  draft.set({ guildDue: false });
  draft.do({ type: "clear-timer", name: "heartbeat" });
  draft.do({ type: "clear-timer", name: "deadline" });
  draft.do({ type: "clear-timer", name: "guild" });
}

/** Gives up for good: a person has to repair something. */
export function becomeFatal(draft: Draft, reason: string): void {
  clearConnectionTimers(draft);
  draft.set({ phase: "fatal", heartbeat: null, obstacle: reason, retryAt: null });
  draft.do({ type: "fatal", reason });
}

/** The connection is gone, or not wanted any more: comes back after a while. */
export function comeBack(draft: Draft, reason: string, minWaitMs: number): void {
  const { phase, attempts, resumeDeaths, addressFailures } = draft.state;
  clearConnectionTimers(draft);
  if (phase === "resuming") draft.set({ resumeDeaths: resumeDeaths + 1 });
  if (phase === "connecting") draft.set({ addressFailures: addressFailures + 1 });
  if (draft.state.resumeDeaths >= RESUME_DEATHS_MAX) {
    dropSession(draft, `the session could not be resumed ${RESUME_DEATHS_MAX} times`);
  }
  const backoff = attempts === 0 ? 0 : fullJitter(RECONNECT_BACKOFF, attempts - 1, draft.random);
  const waitMs = Math.max(minWaitMs, backoff);
  draft.set({
    // What the given-up connection still says is not heard.
    connection: draft.state.connection + 1,
    heartbeat: null,
    attempts: attempts + 1,
  });
  draft.do({ type: "lost", reason, until: pause(draft, reason, waitMs) });
}

/** Closes the connection so that the session stays, and comes back. */
export function giveUp(draft: Draft, reason: string, minWaitMs = 0): void {
  draft.do({ type: "close", code: RESUMABLE_CLOSE_CODE, reason });
  comeBack(draft, reason, minWaitMs);
}
