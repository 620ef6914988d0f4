import type { EventName, GuildEvent, PayloadOf } from "./guild-event.ts";
import type { Failure } from "./outcome.ts";
import type { Match, Room } from "./resources.ts";

/** The members of every event besides its name and payload. */
export type EventMeta = {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly seq: number;
  readonly id: string;
  /** After a jump: the seq of the event sent before. */
  readonly prev?: number | undefined;
  /** W3C trace id of the request or event that caused it: 32 hex digits. */
  readonly trace?: string | undefined;
};

/** An event of the registry: its name narrows its payload. */
export type StreamEvent = { readonly type: "event" } & GuildEvent & EventMeta;

/** One registered event, by name. */
export type StreamEventOf<Name extends EventName> = {
  readonly type: "event";
  readonly event: Name;
  readonly payload: PayloadOf<Name>;
} & EventMeta;

/** An event of a later server, whose name this version does not know. */
export type OtherEvent = {
  readonly type: "other";
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
} & EventMeta;

/** Who is connected; `users` null: too many to list. `since` in milliseconds since 1970. */
export type Presence = {
  readonly count: number;
  readonly users: readonly { readonly userId: string; readonly since: number }[] | null;
};

/** Why a snapshot is sent. */
export type SnapshotReason =
  | "first_connection"
  | "unknown_epoch"
  | "too_old"
  | "ahead_of_hub"
  | "invalid_position";

/** The whole state at `seq`. It replaces everything known before. */
export type Snapshot = {
  readonly type: "snapshot";
  readonly epoch: string;
  readonly seq: number;
  readonly reason: SnapshotReason;
  /** The oldest event that the journal still has; absent: a hub of an older version. */
  readonly oldest?: number | undefined;
  readonly rooms: readonly Room[];
  /** The newest live matches; absent: none. */
  readonly matches?: readonly Match[] | undefined;
  /** The connection to Discord; absent before the container has reported it for the first time. */
  readonly gateway?: Pick<PayloadOf<"gateway.state">, "state" | "since"> | undefined;
};

/** An item that the stream hands on. */
export type StreamItem =
  /** The hub has accepted the connection. `connectionId` is for a support request. */
  | { readonly type: "accepted"; readonly guildId: string; readonly connectionId: string }
  | StreamEvent
  | OtherEvent
  | Snapshot
  /** All missed events have been sent; `events` is their number. */
  | {
      readonly type: "resumed";
      readonly from: number;
      readonly to: number;
      readonly events: number;
    }
  /** Who is connected now. Only with `signals`. */
  | ({ readonly type: "presence" } & Presence)
  /** Another last value, which replaces the previous one of its `key`. Only with `signals`. */
  | {
      readonly type: "signal";
      readonly event: string;
      readonly key: string;
      readonly payload: unknown;
      readonly ts: number;
    }
  /** The hub refused a frame, such as a `subscribe` with invalid ids. */
  | { readonly type: "error"; readonly code: string; readonly message: string }
  /** Events after `after` are missing. The client reconnects to fetch them. */
  | { readonly type: "hole"; readonly after: number; readonly got: number }
  /** The connection is gone; `why` is in plain words. */
  | { readonly type: "lost"; readonly why: string };

/** The transport of the stream: a WebSocket, or Server-Sent Events where no WebSocket gets through. */
export type Carrier = "websocket" | "http";

/** The state of the connection; times in milliseconds since 1970. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly since: number; readonly over: Carrier }
  /** Not connected; the next attempt is at `until`. `offline`: the device reports that it has no network. */
  | {
      readonly kind: "waiting";
      readonly until: number;
      readonly why: string;
      readonly offline?: true;
      /** The failed call, if a call was the reason. */
      readonly failure?: Failure | undefined;
    }
  | { readonly kind: "signed-out" }
  /** The client will not reconnect by itself; `why` says what to do. `failure` as in `waiting`. */
  | { readonly kind: "stopped"; readonly why: string; readonly failure?: Failure | undefined };
