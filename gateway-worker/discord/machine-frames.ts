import { GatewayOpcodes } from "discord-api-types/v10";
import type { Session } from "../store/settings-store.ts";
import type { Frame } from "./frame.ts";
import {
  awaitAnswer,
  dropSession,
  giveUp,
  SENDS_PER_WINDOW,
  takeSend,
  type Draft,
} from "./machine-draft.ts";

/**
 * Heartbeats that Discord requests may use this many of the frames; the rest is reserved for frames that we
 * have to send.
 */
export const REQUESTED_BEATS_PER_WINDOW = 100;

/** Discord requires a random pause of 1 to 5 s before a new session after an invalid one (op 9). */
const INVALID_SESSION_WAIT = { minMs: 1_000, spreadMs: 4_000 } as const;

/**
 * Longest interval between heartbeats, even if HELLO asks for a longer one: heartbeats detect dead connections.
 */
export const HEARTBEAT_INTERVAL_MAX_MS = 120_000;

/** After this time a session counts as successful and resets the streak. */
const IDENTIFY_SETTLED_MS = 60_000;

function beat(draft: Draft): void {
  draft.do({ type: "beat", seq: draft.state.session?.seq ?? null });
}

function onHello(draft: Draft, data: unknown): void {
  if (draft.state.phase !== "connecting") return;
  const helloMs =
    typeof data === "object" && data !== null && "heartbeat_interval" in data
      ? data.heartbeat_interval
      : null;
  if (typeof helloMs !== "number" || !(helloMs > 0)) {
    giveUp(draft, "Discord's HELLO has no heartbeat interval");
    return;
  }
  const intervalMs = Math.min(helloMs, HEARTBEAT_INTERVAL_MAX_MS);
  draft.set({
    addressFailures: 0,
    // Per connection: a heartbeat without an answer on the previous connection must not count against this
    // one.
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
    draft.set({ identify: record });
    awaitAnswer(draft, "identifying");
    draft.do({ type: "identify", record });
  } else {
    awaitAnswer(draft, "resuming");
    draft.do({ type: "resume", session });
  }
}

/** The next heartbeat is due. */
export function onHeartbeatTimer(draft: Draft): void {
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
  const { sentAt } = heartbeat;
  if (sentAt !== null) draft.do({ type: "answered", sentAt, ms: draft.now - sentAt });
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

function becomeReady(draft: Draft): void {
  draft.set({ phase: "ready", resumeDeaths: 0, obstacle: null });
  draft.do({ type: "clear-timer", name: "deadline" });
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
    draft.set({ session });
    becomeReady(draft);
    draft.do({ type: "dispatch", session, name, data: frame.d });
    return;
  }
  const known = draft.state.session;
  if (known === null) return;
  if (name === "RESUMED") becomeReady(draft);
  // RESUMED counts even with an old number, because it ends the replay.
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

/** Handles a frame of the current connection. */
export function onFrame(draft: Draft, frame: Frame): void {
  // Any number may arrive. One without a case is ignored.
  switch (frame.op as GatewayOpcodes) {
    case GatewayOpcodes.Dispatch:
      onDispatch(draft, frame);
      return;
    case GatewayOpcodes.Heartbeat:
      // A requested heartbeat is not part of our rhythm, so the next regular one must not find it
      // unanswered.
      if (takeSend(draft, REQUESTED_BEATS_PER_WINDOW)) beat(draft);
      return;
    case GatewayOpcodes.Reconnect:
      giveUp(draft, "Discord asks for a new connection");
      return;
    case GatewayOpcodes.InvalidSession:
      onInvalidSession(draft, frame.d);
      return;
    case GatewayOpcodes.Hello:
      onHello(draft, frame.d);
      return;
    case GatewayOpcodes.HeartbeatAck:
      onAcknowledged(draft);
      return;
    default:
      return;
  }
}
