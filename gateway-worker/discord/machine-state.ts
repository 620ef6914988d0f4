import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import type { IdentifyRecord, Session } from "../store/settings-store.ts";
import type { Frame } from "./frame.ts";

/** Timers that the machine asks for. */
export type TimerName = "heartbeat" | "deadline" | "reconnect" | "guild";

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
  /** In words for a person, from the first failure until we are in. */
  readonly obstacle: string | null;
  /** When the next attempt is due, milliseconds since 1970; null: none waits. */
  readonly retryAt: number | null;
  /** Discord has yet to give us the guild that this deployment is for. */
  readonly guildDue: boolean;
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
  /** Whether the guild that this deployment is for is one that Discord lists and does not serve. */
  | { readonly type: "guild"; readonly due: boolean }
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
  /** Discord answered a beat of ours. */
  | { readonly type: "answered"; readonly sentAt: number; readonly ms: number }
  | { readonly type: "lost"; readonly reason: string; readonly until: number }
  | { readonly type: "held"; readonly reason: string; readonly until: number };

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
    retryAt: null,
    guildDue: false,
  };
}
