import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import { RESUMABLE_CLOSE_CODE } from "./close-policy.ts";
import type { Circumstances, Effect, MachineState, Phase } from "./machine-state.ts";

/** Time in which a new connection must say HELLO, milliseconds. */
export const HELLO_DEADLINE_MS = 20_000;

/**
 * For each phase that waits for an answer from Discord: the deadline in milliseconds, and the message when
 * it passes. Acknowledged heartbeats do not count as an answer: a gateway can be up and still have lost its
 * sessions.
 */
export const DEADLINES = {
  discovering: { ms: 15_000, missing: "Discord's API did not answer GET /gateway/bot" },
  connecting: { ms: HELLO_DEADLINE_MS, missing: "Discord did not say HELLO" },
  identifying: { ms: 30_000, missing: "Discord did not answer IDENTIFY with READY" },
  // This includes the replay of missed events.
  resuming: { ms: 60_000, missing: "Discord did not answer RESUME with RESUMED" },
} as const satisfies Partial<Record<Phase, { readonly ms: number; readonly missing: string }>>;

/** A phase that waits for an answer from Discord. */
export type AwaitingPhase = keyof typeof DEADLINES;

/**
 * How long a ready session may lack the primary guild, milliseconds. A lost GUILD_CREATE is only sent again
 * to a new session. An outage can last hours; with this value it costs fewer than 100 IDENTIFYs a day, of
 * 1,000.
 */
export const GUILD_DEADLINE_MS = 15 * 60_000;

/** Frames that Discord accepts from one connection in {@link SEND_WINDOW_MS}. */
export const SENDS_PER_WINDOW = 120;
export const SEND_WINDOW_MS = 60_000;

/** Number of failed RESUMEs after which the session is given up: some sessions can never be resumed. */
const RESUME_DEATHS_MAX = 3;

/** Number of failed connections to the resume URL after which the base URL is used. */
const RESUME_ADDRESS_FAILURES_MAX = 3;

const RECONNECT_BACKOFF: Backoff = { firstMs: 1_000, mostMs: 15_000 };

/** Collects one step: the state and the effects so far. */
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

/** Records a frame and returns true if fewer than `limit` were sent in the window. */
export function takeSend(draft: Draft, limit: number): boolean {
  const recent = draft.state.sends.filter((at) => at > draft.now - SEND_WINDOW_MS);
  if (recent.length >= limit) {
    draft.set({ sends: recent });
    return false;
  }
  draft.set({ sends: [...recent, draft.now] });
  return true;
}

/** Starts to wait for an answer from Discord, until the phase's deadline at most. */
export function awaitAnswer(draft: Draft, phase: AwaitingPhase): void {
  draft.set({ phase });
  draft.do({ type: "set-timer", name: "deadline", ms: DEADLINES[phase].ms });
}

/** Waits until it is time to {@link proceed}; the obstacle gives the reason. */
export function pause(draft: Draft, obstacle: string, ms: number): number {
  const until = draft.now + ms;
  draft.set({ phase: "waiting", obstacle, retryAt: until });
  draft.do({ type: "set-timer", name: "reconnect", ms });
  return until;
}

/** Opens the next connection. After HELLO it sends IDENTIFY or RESUME. */
export function connect(draft: Draft, url: string): void {
  const connection = draft.state.connection + 1;
  draft.set({ connection, heartbeat: null, sends: [] });
  draft.do({ type: "connect", connection, url });
  awaitAnswer(draft, "connecting");
}

/** Prepares the next connection: to the resume URL, or through `GET /gateway/bot`. */
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

/** Forgets the session, so that the next connection starts a new one. */
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

/** Stops permanently: a person has to fix something. */
export function becomeFatal(draft: Draft, reason: string): void {
  clearConnectionTimers(draft);
  draft.set({ phase: "fatal", heartbeat: null, obstacle: reason, retryAt: null });
  draft.do({ type: "fatal", reason });
}

/** The connection is lost or was given up: reconnects after a wait. */
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
    // Later frames of the given-up connection are ignored.
    connection: draft.state.connection + 1,
    heartbeat: null,
    attempts: attempts + 1,
  });
  draft.do({ type: "lost", reason, until: pause(draft, reason, waitMs) });
}

/** Closes the connection in a way that keeps the session, and reconnects. */
export function giveUp(draft: Draft, reason: string, minWaitMs = 0): void {
  draft.do({ type: "close", code: RESUMABLE_CLOSE_CODE, reason });
  comeBack(draft, reason, minWaitMs);
}
