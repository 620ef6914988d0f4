import type { EventName, GuildEvent, PayloadOf } from "./guild-event.ts";
import type { Failure } from "./outcome.ts";
import type { Match, Room } from "./resources.ts";

/** What every event carries besides its name and payload. */
export type EventMeta = {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly seq: number;
  readonly id: string;
  /** The seq sent before this one, after a jump. */
  readonly prev?: number | undefined;
  /** W3C trace id of what caused the event: 32 hex digits. */
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

/** An event that this version does not know: of a later server. */
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

/** The whole state at `seq`: forget what was known. */
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
  /** The connection to Discord; absent before the container was ever heard of. */
  readonly gateway?: Pick<PayloadOf<"gateway.state">, "state" | "since"> | undefined;
};

/** What a connection to the stream hands on, in order. */
export type StreamItem =
  /** The connection is accepted; names the guild, and the connection for whoever helps you. */
  | { readonly type: "accepted"; readonly guildId: string; readonly connectionId: string }
  | StreamEvent
  | OtherEvent
  | Snapshot
  /** All that was missed has been sent again; `events` is how many that were. */
  | {
      readonly type: "resumed";
      readonly from: number;
      readonly to: number;
      readonly events: number;
    }
  /** Who is here, now. Only with `signals`. */
  | ({ readonly type: "presence" } & Presence)
  /** Another last value, which replaces the one before of its `key`. Only with `signals`. */
  | {
      readonly type: "signal";
      readonly event: string;
      readonly key: string;
      readonly payload: unknown;
      readonly ts: number;
    }
  /** The hub did not take something that was sent, such as a `subscribe` of bad ids. */
  | { readonly type: "error"; readonly code: string; readonly message: string }
  /** Something after `after` is missing; the connection is made again to fetch it. */
  | { readonly type: "hole"; readonly after: number; readonly got: number }
  /** The connection is gone; `why` is in plain words. */
  | { readonly type: "lost"; readonly why: string };

/** What carries the stream: a WebSocket, or Server-Sent Events where those do not get through. */
export type Carrier = "websocket" | "http";

/** Where the connection stands; times in milliseconds since 1970. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly since: number; readonly over: Carrier }
  /** Lost; the next attempt is at `until`. `offline`: this device says that it has no network. */
  | {
      readonly kind: "waiting";
      readonly until: number;
      readonly why: string;
      readonly offline?: true;
      /** The call that let nobody in, when that is why. */
      readonly failure?: Failure | undefined;
    }
  | { readonly kind: "signed-out" }
  /** It will not come back by itself; `why` says what to do. `failure` as while it waits. */
  | { readonly kind: "stopped"; readonly why: string; readonly failure?: Failure | undefined };
