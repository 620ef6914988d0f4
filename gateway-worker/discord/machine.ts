import { type Backoff, doublingPause } from "../../src/protocol/backoff.ts";
import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import type { IdentifyRecord } from "../store/settings-store.ts";
import { policyAfterClose, RESUMABLE_CLOSE_CODE } from "./close-policy.ts";
import {
  becomeFatal,
  clearConnectionTimers,
  comeBack,
  connect,
  DEADLINES,
  Draft,
  dropSession,
  giveUp,
  GUILD_DEADLINE_MS,
  pause,
  proceed,
} from "./machine-draft.ts";
import { onFrame, onHeartbeatTimer } from "./machine-frames.ts";
import type { Circumstances, Input, MachineState, Step, TimerName } from "./machine-state.ts";

/** After this many connections in a row without a sign of life, the state is `down`. */
const DOWN_AFTER_ATTEMPTS = 5;

/** Discord allows one IDENTIFY in this time per unit of `max_concurrency`; we use one unit. */
const IDENTIFY_SPACING_MS = 5_000;

/** Number of IDENTIFYs in a row for which only the spacing applies. */
const FREE_IDENTIFIES = 5;

/** Applies after those. The longest pause is 288 IDENTIFYs a day, far below Discord's 1000 (discord.md §2). */
const IDENTIFY_BACKOFF: Backoff = { firstMs: 2 * IDENTIFY_SPACING_MS, mostMs: 300_000 };

function stateOf(state: MachineState): GatewayState {
  if (state.phase === "ready") return "connected";
  const hopeful =
    state.session !== null && state.phase !== "fatal" && state.attempts < DOWN_AFTER_ATTEMPTS;
  return hopeful ? "resuming" : "down";
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
  draft.do({ type: "clear-timer", name: "deadline" });
  if (draft.state.session !== null) {
    connect(draft, input.url);
    return;
  }
  if (input.remaining <= 0) {
    hold(draft, "Discord allows no more new sessions of this bot today", input.resetAfterMs);
    return;
  }
  const { identify } = draft.state;
  const waitMs = identifyWait(identify, draft.now);
  if (waitMs === 0) connect(draft, input.url);
  else hold(draft, `${identify.streak} new sessions in a row: the next one has to wait`, waitMs);
}

/**
 * How long to wait before the next IDENTIFY, milliseconds. The record survives the process, so that a
 * process in a crash loop slows down instead of using up the day's budget; then Discord would reset the
 * token.
 */
function identifyWait(record: IdentifyRecord, now: number): number {
  const over = record.streak - FREE_IDENTIFIES;
  const pauseMs = over < 0 ? IDENTIFY_SPACING_MS : doublingPause(IDENTIFY_BACKOFF, over);
  const next = record.lastAt + pauseMs;
  // If the clock went back, we must not wait longer than the pause itself.
  return Math.max(0, Math.min(pauseMs, next - now));
}

/** Delays a new session. The budget is read again afterwards, because it may have changed. */
function hold(draft: Draft, reason: string, ms: number): void {
  draft.do({ type: "held", reason, until: pause(draft, reason, ms) });
}

function discoveryFailed(draft: Draft, reason: string, retryAfterMs: number): void {
  // At least the first back-off: a REST API that fails immediately must not be called again immediately.
  draft.set({ attempts: Math.max(1, draft.state.attempts) });
  comeBack(draft, reason, retryAfterMs);
}

function onGatewayFailed(draft: Draft, input: Extract<Input, { type: "gateway-failed" }>): void {
  if (draft.state.phase !== "discovering") return;
  if (input.fatal) becomeFatal(draft, input.reason);
  else discoveryFailed(draft, input.reason, input.retryAfterMs);
}

/** Discord did not answer within the current phase's deadline. */
function onDeadline(draft: Draft): void {
  const { phase } = draft.state;
  switch (phase) {
    case "discovering":
      discoveryFailed(draft, DEADLINES[phase].missing, 0);
      return;
    case "connecting":
    case "identifying":
    case "resuming":
      giveUp(draft, DEADLINES[phase].missing);
      return;
    default:
      return;
  }
}

function onGuild(draft: Draft, due: boolean): void {
  const { phase, guildDue } = draft.state;
  if (phase !== "ready" || due === guildDue) return;
  draft.set({ guildDue: due });
  draft.do(
    due
      ? { type: "set-timer", name: "guild", ms: GUILD_DEADLINE_MS }
      : { type: "clear-timer", name: "guild" },
  );
}

/** A resume would replay nothing of the guild: only a new session gets its guilds again. */
function onGuildDeadline(draft: Draft): void {
  if (draft.state.phase !== "ready" || !draft.state.guildDue) return;
  const reason = `Discord did not serve the guild for ${GUILD_DEADLINE_MS / 60_000} minutes`;
  dropSession(draft, reason);
  giveUp(draft, reason);
}

function onTimer(draft: Draft, name: TimerName): void {
  switch (name) {
    case "heartbeat":
      onHeartbeatTimer(draft);
      return;
    case "deadline":
      onDeadline(draft);
      return;
    case "guild":
      onGuildDeadline(draft);
      return;
    case "reconnect":
      if (draft.state.phase === "waiting") proceed(draft);
      return;
  }
}

function stop(draft: Draft): void {
  const { phase, identify } = draft.state;
  clearConnectionTimers(draft);
  draft.do({ type: "clear-timer", name: "reconnect" });
  // Our own stop made this session short, so it says nothing about the next one.
  if (phase === "ready" && identify.streak > 0) {
    const record = { ...identify, streak: identify.streak - 1 };
    draft.set({ identify: record });
    draft.do({ type: "identify-settled", record });
  }
  if (["connecting", "identifying", "resuming", "ready"].includes(phase)) {
    draft.do({ type: "close", code: RESUMABLE_CLOSE_CODE, reason: "the gateway-worker stops" });
  }
  draft.set({
    phase: "stopped",
    heartbeat: null,
    obstacle: "The gateway-worker stops",
    retryAt: null,
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
    case "guild":
      onGuild(draft, input.due);
      return;
    case "timer":
      onTimer(draft, input.name);
      return;
  }
}

/**
 * The gateway client of discord.md §2 as a function without socket, timer and clock. Effects must be
 * carried out in order; a `dispatch` must be stored before the next one is.
 */
export function step(state: MachineState, input: Input, circumstances: Circumstances): Step {
  const draft = new Draft(state, circumstances);
  apply(draft, input);
  const reported = stateOf(draft.state);
  if (reported !== draft.state.reported && draft.state.phase !== "idle") {
    draft.set({ reported });
    draft.do({ type: "state", state: reported });
  }
  return { state: draft.state, effects: draft.effects };
}
