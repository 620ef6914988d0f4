import { GatewayIntentBits } from "discord-api-types/v10";
import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import { fullJitter, type Backoff } from "../backoff.ts";
import type { IdentifyRecord, Session } from "../store/settings-store.ts";
import { policyAfterClose, RESUMABLE_CLOSE_CODE } from "./close-policy.ts";
import type { Frame } from "./frame.ts";
import { IDENTIFY_SETTLED_MS, identifyWait } from "./identify-budget.ts";
import { OPCODES } from "./opcodes.ts";

/** GUILDS and GUILD_VOICE_STATES: neither is privileged. */
export const INTENTS = GatewayIntentBits.Guilds | GatewayIntentBits.GuildVoiceStates;

/** Time until a new connection must have said HELLO, milliseconds. */
export const HELLO_DEADLINE_MS = 20_000;

/** Frames that Discord takes from one connection in {@link SEND_WINDOW_MS}. */
export const SENDS_PER_WINDOW = 120;
export const SEND_WINDOW_MS = 60_000;

/** Of these, beats that Discord asks for may use so many: the rest stays for those that we owe. */
export const REQUESTED_BEATS_PER_WINDOW = 100;

/** RESUMEs that may die on the way before the session is given up: some are dead for good. */
const RESUME_DEATHS_MAX = 3;

/** Connections to the resume address that may fail before the base address is asked. */
const RESUME_ADDRESS_FAILURES_MAX = 3;

/** After so many connections in a row without a sign of life the state is `down`. */
const DOWN_AFTER_ATTEMPTS = 5;

const RECONNECT_BACKOFF: Backoff = { baseMs: 1_000, capMs: 15_000 };

/** Discord wants a random pause of 1 to 5 s between a lost session and the next (op 9). */
const INVALID_SESSION_WAIT = { minMs: 1_000, spreadMs: 4_000 } as const;

/** Timers that the machine asks for. */
export type TimerName = "heartbeat" | "hello" | "reconnect";

/** Where the connection stands. */
export type Phase =
  | "idle"
  | "discovering"
  | "waiting"
  | "connecting"
  | "identifying"
  | "resuming"
  | "ready"
  | "fatal"
  | "stopped";

/** All that the machine remembers. Replaced, never changed. */
export type MachineState = {
  readonly phase: Phase;
  /** Number of the present connection: what an older one still says is not heard. */
  readonly connection: number;
  readonly session: Session | null;
  readonly identify: IdentifyRecord;
  /** Connections in a row that were lost before they had proved themselves by an acknowledged beat. */
  readonly attempts: number;
  readonly resumeDeaths: number;
  readonly addressFailures: number;
  readonly heartbeat: {
    readonly intervalMs: number;
    /** The last beat of ours was answered. */
    readonly acknowledged: boolean;
    readonly sentAt: number | null;
  } | null;
  /** When frames were sent on this connection, milliseconds, within the window. */
  readonly sends: readonly number[];
  /** Told outside last. */
  readonly told: GatewayState | null;
  /** In words for a person, while something keeps us out. */
  readonly obstacle: string | null;
};

/** What happens to the machine. */
export type Input =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | {
      readonly type: "gateway";
      readonly url: string;
      readonly remaining: number;
      readonly resetAfterMs: number;
    }
  | {
      readonly type: "gateway-failed";
      /** Trying again cannot help. */
      readonly fatal: boolean;
      readonly retryAfterMs: number;
      readonly reason: string;
    }
  | { readonly type: "frame"; readonly connection: number; readonly frame: Frame }
  | { readonly type: "unusable"; readonly connection: number; readonly reason: string }
  | {
      readonly type: "closed";
      readonly connection: number;
      readonly code: number;
      readonly reason?: string;
    }
  | { readonly type: "timer"; readonly name: TimerName };

/** What the machine wants done, in this order. */
export type Effect =
  | { readonly type: "discover" }
  | { readonly type: "connect"; readonly connection: number; readonly url: string }
  | { readonly type: "beat"; readonly seq: number | null }
  | { readonly type: "identify"; readonly record: IdentifyRecord }
  | { readonly type: "resume"; readonly session: Session }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "set-timer"; readonly name: TimerName; readonly ms: number }
  | { readonly type: "clear-timer"; readonly name: TimerName }
  | {
      readonly type: "dispatch";
      readonly session: Session;
      readonly name: string;
      readonly data: unknown;
    }
  | { readonly type: "repeated-dispatch"; readonly seq: number }
  | { readonly type: "drop-session"; readonly reason: string }
  | { readonly type: "identify-settled"; readonly record: IdentifyRecord }
  | { readonly type: "state"; readonly state: GatewayState }
  | { readonly type: "fatal"; readonly reason: string }
  | { readonly type: "latency"; readonly ms: number }
  | { readonly type: "lost"; readonly reason: string; readonly waitMs: number };

/** What is not the machine's own: the time and the dice. */
export type Circumstances = {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
};

/** The next state, and what is to be done. */
export type Step = { readonly state: MachineState; readonly effects: readonly Effect[] };

/** A machine that has what the process before left behind. */
export function initialState(session: Session | null, identify: IdentifyRecord): MachineState {
  return {
    phase: "idle",
    connection: 0,
    session,
    identify,
    attempts: 0,
    resumeDeaths: 0,
    addressFailures: 0,
    heartbeat: null,
    sends: [],
    told: null,
    obstacle: null,
  };
}

/** Collects a step: the state so far and the effects so far. */
class Draft {
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

function stateOf(state: MachineState): GatewayState {
  if (state.phase === "ready") return "connected";
  const hopeful =
    state.session !== null && state.phase !== "fatal" && state.attempts < DOWN_AFTER_ATTEMPTS;
  return hopeful ? "resuming" : "down";
}

/** Whether one more frame may be sent now, of `limit` in the window. */
function takeSend(draft: Draft, limit: number): boolean {
  const recent = draft.state.sends.filter((at) => at > draft.now - SEND_WINDOW_MS);
  if (recent.length >= limit) {
    draft.set({ sends: recent });
    return false;
  }
  draft.set({ sends: [...recent, draft.now] });
  return true;
}

function connect(draft: Draft, url: string): void {
  const connection = draft.state.connection + 1;
  draft.set({ phase: "connecting", connection, heartbeat: null, sends: [], obstacle: null });
  draft.do({ type: "connect", connection, url });
  draft.do({ type: "set-timer", name: "hello", ms: HELLO_DEADLINE_MS });
}

/** Goes for the next connection: to the resume address, or by way of `GET /gateway/bot`. */
function proceed(draft: Draft): void {
  const { session, addressFailures } = draft.state;
  if (session !== null && addressFailures < RESUME_ADDRESS_FAILURES_MAX) {
    connect(draft, session.resumeUrl);
    return;
  }
  draft.set({ phase: "discovering" });
  draft.do({ type: "discover" });
}

function dropSession(draft: Draft, reason: string): void {
  if (draft.state.session === null) return;
  draft.set({ session: null, resumeDeaths: 0, addressFailures: 0 });
  draft.do({ type: "drop-session", reason });
}

function clearConnectionTimers(draft: Draft): void {
  draft.do({ type: "clear-timer", name: "heartbeat" });
  draft.do({ type: "clear-timer", name: "hello" });
}

function becomeFatal(draft: Draft, reason: string): void {
  clearConnectionTimers(draft);
  draft.set({ phase: "fatal", heartbeat: null, obstacle: reason });
  draft.do({ type: "fatal", reason });
}

/** The connection is gone, or not wanted any more: comes back after a while. */
function comeBack(draft: Draft, reason: string, minWaitMs: number): void {
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
    phase: "waiting",
    // What the given-up connection still says is not heard.
    connection: draft.state.connection + 1,
    heartbeat: null,
    attempts: attempts + 1,
    obstacle: reason,
  });
  draft.do({ type: "lost", reason, waitMs });
  draft.do({ type: "set-timer", name: "reconnect", ms: waitMs });
}

/** Closes the connection so that the session stays, and comes back. */
function giveUp(draft: Draft, reason: string, minWaitMs = 0): void {
  draft.do({ type: "close", code: RESUMABLE_CLOSE_CODE, reason });
  comeBack(draft, reason, minWaitMs);
}

function beat(draft: Draft): void {
  draft.do({ type: "beat", seq: draft.state.session?.seq ?? null });
}

function onHello(draft: Draft, data: unknown): void {
  if (draft.state.phase !== "connecting") return;
  const intervalMs =
    typeof data === "object" && data !== null && "heartbeat_interval" in data
      ? data.heartbeat_interval
      : null;
  if (typeof intervalMs !== "number" || !(intervalMs > 0)) {
    giveUp(draft, "Discord's HELLO has no heartbeat interval");
    return;
  }
  draft.do({ type: "clear-timer", name: "hello" });
  draft.set({
    addressFailures: 0,
    // Per connection: an answer that the last one owed must not count against this one.
    heartbeat: { intervalMs, acknowledged: true, sentAt: null },
  });
  draft.do({
    type: "set-timer",
    name: "heartbeat",
    ms: Math.round(intervalMs * draft.random),
  });
  takeSend(draft, SENDS_PER_WINDOW);
  const { session, identify } = draft.state;
  if (session === null) {
    const record = { streak: identify.streak + 1, lastAt: draft.now };
    draft.set({ phase: "identifying", identify: record });
    draft.do({ type: "identify", record });
  } else {
    draft.set({ phase: "resuming" });
    draft.do({ type: "resume", session });
  }
}

function onHeartbeatTimer(draft: Draft): void {
  const { heartbeat } = draft.state;
  if (heartbeat === null) return;
  if (!heartbeat.acknowledged) {
    giveUp(draft, "Discord did not answer our heartbeat");
    return;
  }
  if (takeSend(draft, SENDS_PER_WINDOW)) {
    draft.set({ heartbeat: { ...heartbeat, acknowledged: false, sentAt: draft.now } });
    beat(draft);
  }
  draft.do({ type: "set-timer", name: "heartbeat", ms: heartbeat.intervalMs });
}

function onAcknowledged(draft: Draft): void {
  const { heartbeat, phase, identify } = draft.state;
  if (heartbeat === null) return;
  if (heartbeat.sentAt !== null) {
    draft.do({ type: "latency", ms: draft.now - heartbeat.sentAt });
  }
  draft.set({ heartbeat: { ...heartbeat, acknowledged: true, sentAt: null } });
  if (phase !== "ready") return;
  draft.set({ attempts: 0 });
  if (identify.streak > 0 && draft.now - identify.lastAt >= IDENTIFY_SETTLED_MS) {
    const record = { ...identify, streak: 0 };
    draft.set({ identify: record });
    draft.do({ type: "identify-settled", record });
  }
}

function readySession(data: unknown, seq: number): Session | null {
  if (typeof data !== "object" || data === null) return null;
  if (!("session_id" in data) || typeof data.session_id !== "string") return null;
  if (!("resume_gateway_url" in data) || typeof data.resume_gateway_url !== "string") return null;
  return { sessionId: data.session_id, resumeUrl: data.resume_gateway_url, seq };
}

function onDispatch(draft: Draft, frame: Frame): void {
  const { s: seq, t: name } = frame;
  if (seq === null || name === null || draft.state.phase === "connecting") return;
  if (name === "READY") {
    const session = readySession(frame.d, seq);
    if (session === null) {
      giveUp(draft, "Discord's READY has no session");
      return;
    }
    draft.set({ session, phase: "ready", resumeDeaths: 0 });
    draft.do({ type: "dispatch", session, name, data: frame.d });
    return;
  }
  const known = draft.state.session;
  if (known === null) return;
  if (name === "RESUMED") draft.set({ phase: "ready", resumeDeaths: 0 });
  // RESUMED is ours whatever its number: it ends the replay.
  if (seq <= known.seq && name !== "RESUMED") {
    draft.do({ type: "repeated-dispatch", seq });
    return;
  }
  const session = { ...known, seq: Math.max(seq, known.seq) };
  draft.set({ session });
  draft.do({ type: "dispatch", session, name, data: frame.d });
}

function onInvalidSession(draft: Draft, data: unknown): void {
  if (data === true) {
    giveUp(draft, "Discord wants the session to be resumed");
    return;
  }
  dropSession(draft, "Discord does not know the session any more");
  giveUp(
    draft,
    "Discord ended the session",
    INVALID_SESSION_WAIT.minMs + Math.round(INVALID_SESSION_WAIT.spreadMs * draft.random),
  );
}

function onFrame(draft: Draft, frame: Frame): void {
  switch (frame.op) {
    case OPCODES.dispatch:
      onDispatch(draft, frame);
      return;
    case OPCODES.heartbeat:
      // Not part of our rhythm: the next regular beat must not find this one unanswered.
      if (takeSend(draft, REQUESTED_BEATS_PER_WINDOW)) beat(draft);
      return;
    case OPCODES.reconnect:
      giveUp(draft, "Discord asks for a new connection");
      return;
    case OPCODES.invalidSession:
      onInvalidSession(draft, frame.d);
      return;
    case OPCODES.hello:
      onHello(draft, frame.d);
      return;
    case OPCODES.heartbeatAck:
      onAcknowledged(draft);
      return;
    default:
      return;
  }
}

function onClosed(draft: Draft, code: number, detail: string | undefined): void {
  const policy = policyAfterClose(code);
  const reason =
    detail === undefined || detail === ""
      ? `Discord's connection closed (${code})`
      : `Discord's connection closed (${code}: ${detail})`;
  switch (policy.action) {
    case "stop":
      becomeFatal(draft, policy.reason);
      return;
    case "identify":
      dropSession(draft, `Discord closed with ${code}`);
      comeBack(draft, reason, 0);
      return;
    case "resume":
      comeBack(draft, reason, policy.minWaitMs);
      return;
  }
}

function onGateway(draft: Draft, input: Extract<Input, { type: "gateway" }>): void {
  if (draft.state.phase !== "discovering") return;
  if (draft.state.session !== null) {
    connect(draft, input.url);
    return;
  }
  if (input.remaining <= 0) {
    const until = new Date(draft.now + input.resetAfterMs).toISOString();
    draft.set({
      phase: "waiting",
      obstacle: `Discord allows no more new sessions of this bot before ${until}`,
    });
    // Read again then: the number may have changed meanwhile.
    draft.do({ type: "set-timer", name: "reconnect", ms: input.resetAfterMs });
    return;
  }
  const waitMs = identifyWait(draft.state.identify, draft.now);
  if (waitMs === 0) {
    connect(draft, input.url);
    return;
  }
  draft.set({ phase: "waiting", obstacle: "New sessions are made only so often" });
  // Asked again afterwards: what is left of the budget may be another then.
  draft.do({ type: "set-timer", name: "reconnect", ms: waitMs });
}

function onGatewayFailed(draft: Draft, input: Extract<Input, { type: "gateway-failed" }>): void {
  if (draft.state.phase !== "discovering") return;
  if (input.fatal) {
    becomeFatal(draft, input.reason);
    return;
  }
  // At least the first ceiling: a REST API that fails at once must not be asked at once again.
  draft.set({ attempts: Math.max(1, draft.state.attempts) });
  comeBack(draft, input.reason, input.retryAfterMs);
}

function onTimer(draft: Draft, name: TimerName): void {
  switch (name) {
    case "heartbeat":
      onHeartbeatTimer(draft);
      return;
    case "hello":
      if (draft.state.phase === "connecting") giveUp(draft, "Discord did not say HELLO");
      return;
    case "reconnect":
      if (draft.state.phase === "waiting") proceed(draft);
      return;
  }
}

function stop(draft: Draft): void {
  const { phase } = draft.state;
  clearConnectionTimers(draft);
  draft.do({ type: "clear-timer", name: "reconnect" });
  if (["connecting", "identifying", "resuming", "ready"].includes(phase)) {
    draft.do({ type: "close", code: RESUMABLE_CLOSE_CODE, reason: "the gateway-worker stops" });
  }
  draft.set({
    phase: "stopped",
    heartbeat: null,
    obstacle: "The gateway-worker stops",
  });
}

function apply(draft: Draft, input: Input): void {
  const { phase, connection } = draft.state;
  if (phase === "stopped" || (phase === "fatal" && input.type !== "stop")) return;
  switch (input.type) {
    case "start":
      if (phase === "idle") proceed(draft);
      return;
    case "stop":
      stop(draft);
      return;
    case "gateway":
      onGateway(draft, input);
      return;
    case "gateway-failed":
      onGatewayFailed(draft, input);
      return;
    case "frame":
      if (input.connection === connection) onFrame(draft, input.frame);
      return;
    case "unusable":
      if (input.connection === connection) giveUp(draft, input.reason);
      return;
    case "closed":
      if (input.connection === connection) onClosed(draft, input.code, input.reason);
      return;
    case "timer":
      onTimer(draft, input.name);
      return;
  }
}

/**
 * The gateway client of discord.md §2 as a function: no socket, no timer, no clock of its own.
 * Effects are to be carried out in their order; a `dispatch` must be stored before the next one is.
 */
export function step(state: MachineState, input: Input, circumstances: Circumstances): Step {
  const draft = new Draft(state, circumstances);
  apply(draft, input);
  const told = stateOf(draft.state);
  if (told !== draft.state.told && draft.state.phase !== "idle") {
    draft.set({ told });
    draft.do({ type: "state", state: told });
  }
  return { state: draft.state, effects: draft.effects };
}
