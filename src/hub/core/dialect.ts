import type { Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";
import type { Presence, SnapshotReason } from "../../protocol/frames.ts";
import type { Signal } from "../publisher.ts";
import type { Entry } from "./journal.ts";
import type { StreamLimits } from "./stream-limits.ts";
import type { ResumePosition } from "./resume.ts";

/** What a client wants by one frame. */
export type Intent =
  /** The first frame of a client without a ticket. `token`: empty if there is none. */
  | {
      readonly kind: "authenticate";
      readonly token: string;
      readonly resume: ResumePosition;
      /** What it says of itself, for its kind of hub. */
      readonly about?: unknown;
    }
  /** Replaces its token by a newer one of the same user. */
  | { readonly kind: "renew"; readonly token: string }
  /**
   * It has taken everything up to `number`, in the numbers of its connection; null: it only shows that it lives.
   * `reply` is sent back, for dialects whose heartbeats are answered.
   */
  | {
      readonly kind: "acknowledge";
      readonly number: number | null;
      readonly reply?: string;
    }
  /** It wants only events of these topics; none: all. */
  | { readonly kind: "subscribe"; readonly topics: readonly string[] }
  /** Something that nobody takes. It is told so, and may say it again. */
  | { readonly kind: "unknown" }
  | DirectIntent;

/** What a client says to an extension of the hub. */
export type DirectIntent =
  /** `ack`: it waits for an answer under this name. */
  | {
      readonly kind: "message";
      readonly name: string;
      readonly data: unknown;
      readonly ack?: string;
    }
  /** Answers a call of the hub. */
  | { readonly kind: "answer"; readonly call: string; readonly data: unknown };

/** How the numbers of a connection follow from the hub's: a client's number is the hub's seq minus `base`. */
export type Numbering = { readonly dialect: Dialect; readonly base: number };

/** What a client is told when its session begins. */
export type Opened = {
  /** Name of the hub. */
  readonly hub: string;
  readonly connectionId: string;
  /** What the client said of itself when it connected; null: nothing. */
  readonly scope: unknown;
  /** Milliseconds. */
  readonly now: number;
  readonly epoch: string;
  /** The newest seq. */
  readonly head: number;
  readonly base: number;
  /** Whether what it missed follows, and not the whole state. */
  readonly resumes: boolean;
  readonly limits: StreamLimits;
  /** Over how many milliseconds clients spread their reconnects. */
  readonly retryWindowMs: number;
};

/** The whole state, as one reader may see it. */
export type Whole = {
  readonly seq: number;
  readonly state: Record<string, unknown>;
  /** Why it is sent. */
  readonly reason: SnapshotReason;
  /** The oldest seq that the journal still has. */
  readonly oldest: number;
  /** Only for clients that asked for signals. */
  readonly presence?: Presence;
};

/** Why an extension does not let a client connect, or closes it, as a close code and a reason of at most 123 bytes. */
export type TurnedAway = { readonly code: number; readonly reason: string };

/** How a connection is closed. */
export type Farewell = {
  /** A last frame, if the close code does not say enough. */
  readonly frame?: string;
  readonly code: number;
  /** At most 123 bytes (RFC 6455 §5.5). */
  readonly reason: string;
};

/**
 * The language of a connection: how its frames are read and written. It never decides who gets an event, and when.
 * Where `null` may be returned, nothing is sent.
 */
export type Dialect = {
  readonly name: string;
  /** The number of the first frame of a connection; null: clients get the hub's own seq. */
  readonly firstNumber: number | null;
  /** Whether an event tells that the seq has jumped. */
  readonly showsJumps: boolean;
  /** Greets a client that has not authenticated yet. Absent: the client speaks first. */
  readonly hello?: () => string;
  /**
   * Asks a client to acknowledge. It is sent each time half a window was sent since the last acknowledgement.
   * Absent: clients do so without being asked.
   */
  readonly probe?: () => string;
  /**
   * Its clients have no frame that acknowledges. Time stands for it, so that no burst closes one that reads: they are
   * sent a window at a time (HUB-10). Absent: they acknowledge, or the Worker does.
   */
  readonly takesTurns?: true;
  /** Reads one frame. Its size and rate were checked. */
  readonly read: (data: string | ArrayBuffer) => Result<Intent, FrameErrorCode>;
  /** Begins a session, before the state or the missed events. */
  readonly opened: (at: Opened) => string | null;
  /** Absent: it has no whole state, and `opened` is what a client begins with. */
  readonly snapshot?: (at: Opened, whole: Whole) => string;
  /** @param prev the seq sent before, if it is not the one directly before and the dialect shows jumps */
  readonly event: (entry: Entry, base: number, prev?: number) => string;
  /** Several events in one frame. Absent: the dialect has none. @param prev the seq sent before */
  readonly batch?: (entries: readonly Entry[], base: number, prev: number) => string;
  readonly signal: (signal: Signal) => string | null;
  /** Everything missed from `from` to `to` was sent. */
  readonly resumed: (at: Pick<Opened, "epoch" | "base">, from: number, to: number) => string | null;
  /** The token was renewed. @param exp when it expires, seconds */
  readonly renewed: (exp: number) => string | null;
  /** The token expires soon. @param exp seconds */
  readonly expiring: (exp: number) => string | null;
  /** A frame was refused. */
  readonly refused: (code: FrameErrorCode) => string;
  readonly farewell: (why: CloseName) => Farewell;
  /** The frame before an extension's close. Absent: the close says it. */
  readonly turnedAway?: (why: TurnedAway) => string;
  /** Frames outside of the sequence. Absent: extensions say nothing to clients of this dialect. */
  readonly direct?: DirectFrames;
};

/** Frames without a number. They count to the window of their connection. */
export type DirectFrames = {
  readonly message: (name: string, data: unknown) => string;
  /** Answers a message. @param ack the name under which the client waits for it */
  readonly answer: (ack: string, data: unknown) => string;
  /** Asks the client, which answers with the same `id`. */
  readonly call: (id: string, name: string, data: unknown) => string;
};
