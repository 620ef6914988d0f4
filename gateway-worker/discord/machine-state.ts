import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import type { IdentifyRecord, Session } from "../store/settings-store.ts";
import type { Frame } from "./frame.ts";

/** Timers that the machine requests. */
export type TimerName = "heartbeat" | "deadline" | "reconnect" | "guild";

/** The phase of the connection. */
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

/** The whole state of the machine. It is replaced, never mutated. */
export type MachineState = {
  readonly phase: Phase;
  /** Number of the current connection; frames of older ones are ignored. */
  readonly connection: number;
  readonly session: Session | null;
  readonly identify: IdentifyRecord;
  /** Connections in a row that were lost before a heartbeat was acknowledged. */
  readonly attempts: number;
  readonly resumeDeaths: number;
  readonly addressFailures: number;
  readonly heartbeat: {
    readonly intervalMs: number;
    /** Our last heartbeat was acknowledged. */
    readonly acknowledged: boolean;
    readonly sentAt: number | null;
  } | null;
  /** When frames were sent on this connection within the window, milliseconds. */
  readonly sends: readonly number[];
  /** The last state that a `state` effect reported. */
  readonly reported: GatewayState | null;
  /** The last problem, in words for a person. Set from the first failure until the connection is ready. */
  readonly obstacle: string | null;
  /** When the next attempt is due, milliseconds since 1970; null if none is planned. */
  readonly retryAt: number | null;
  /** Discord has not sent the primary guild yet. */
  readonly guildDue: boolean;
};

/** Inputs of the machine. */
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
      /** A retry cannot help. */
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
  /** Whether Discord lists the primary guild but does not serve it. */
  | { readonly type: "guild"; readonly due: boolean }
  | { readonly type: "timer"; readonly name: TimerName };

/** Effects that the machine requests, in this order. */
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
  /** Discord acknowledged one of our heartbeats. */
  | { readonly type: "answered"; readonly sentAt: number; readonly ms: number }
  | { readonly type: "lost"; readonly reason: string; readonly until: number }
  | { readonly type: "held"; readonly reason: string; readonly until: number };

/** Time and randomness, which come from outside. */
export type Circumstances = {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
};

/** The next state and the effects to carry out. */
export type Step = { readonly state: MachineState; readonly effects: readonly Effect[] };

/** The initial state, with what the previous process stored. */
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
    reported: null,
    obstacle: null,
    retryAt: null,
    guildDue: false,
  };
}
