import { readCarried, taken } from "../hub/core/carried.ts";
import type { Dialect } from "../hub/core/dialect.ts";
import { GUILD_DIALECT } from "../hub/dialects/guild.ts";
import { SOCKET_IO_DIALECT, SOCKET_IO_MARKS } from "../hub/dialects/socket-io.ts";

/** Where a client resumes: in the hub's numbers, and by how much its own differ. */
export type ClientPosition = {
  readonly epoch: string;
  readonly seq: number;
  readonly base: number;
};

/** What a client heard, whatever its dialect. `number` is its own. */
export type Heard =
  | { readonly what: "hello" | "opened" | "probe" | "answer" | "renewed" | "expiring" }
  /** `to`: the last event, if the dialect says it. */
  | { readonly what: "resumed"; readonly to?: number }
  | ({
      readonly what: "snapshot";
      readonly number: number;
      readonly reason: string;
      readonly state: Record<string, unknown>;
    } & ClientPosition)
  | {
      readonly what: "event";
      readonly number: number;
      /** The number before it, if the dialect shows a jump. */
      readonly prev?: number;
      readonly id: string;
      readonly event: string;
      readonly payload: Record<string, unknown>;
    }
  | { readonly what: "signal"; readonly key: string; readonly payload: Record<string, unknown> }
  | { readonly what: "refused"; readonly code: string };

/**
 * The client's side of a dialect, for suites that run with each of them. It also says what the dialect promises: a
 * suite expects no more of it than that.
 */
export type ClientSide = {
  readonly dialect: Dialect;
  /** The name under which every event comes. Absent: its own. */
  readonly eventName?: string;
  /** What its kind of hub keeps of a client. Absent: nothing. */
  readonly scope?: unknown;
  readonly say: {
    readonly authenticate: (token: string, at?: ClientPosition) => string;
    /** Absent: a client connects again with its newer token. */
    readonly renew?: (token: string) => string;
    /** Absent: a client shows by pings what it has, or the Worker does it for the client. */
    readonly acknowledge?: (number: number) => string;
    /** Absent: clients get the events of all topics. */
    readonly subscribe?: (topics: readonly string[]) => string;
    /** A frame that the dialect does not have. */
    readonly nonsense: () => string;
  };
  readonly hear: (text: string) => readonly Heard[];
};

/** The client's side of a dialect whose clients can say everything. */
export type WholeClientSide = ClientSide & { readonly say: Required<ClientSide["say"]> };

type NativeFrame = {
  readonly type: string;
  readonly epoch: string;
  readonly seq: number;
  readonly prev?: number;
  readonly id: string;
  readonly event: string;
  readonly code: string;
  readonly to: number;
  readonly key: string;
  readonly reason: string;
  readonly payload: Record<string, unknown>;
  readonly events: readonly NativeFrame[];
};

/** The client's side of the native dialect. */
export const GUILD_CLIENT: WholeClientSide = {
  dialect: GUILD_DIALECT,
  say: {
    authenticate: (token, at) =>
      JSON.stringify({ type: "auth", token, ...(at && { epoch: at.epoch, seq: at.seq }) }),
    renew: (token) => JSON.stringify({ type: "reauth", token }),
    acknowledge: (seq) => JSON.stringify({ type: "ack", seq }),
    subscribe: (channelIds) => JSON.stringify({ type: "subscribe", channelIds }),
    nonsense: () => JSON.stringify({ type: "nonsense" }),
  },
  hear(text): Heard[] {
    const frame = JSON.parse(text) as NativeFrame;
    switch (frame.type) {
      case "ack":
        return [{ what: "opened" }];
      case "snapshot": {
        const { seq, epoch, reason } = frame;
        const state = frame as unknown as Record<string, unknown>;
        return [{ what: "snapshot", number: seq, reason, state, epoch, seq, base: 0 }];
      }
      case "event":
        return [eventOf(frame)];
      case "batch":
        return frame.events.map(eventOf);
      case "resumed":
        return [{ what: "resumed", to: frame.to }];
      case "signal":
        return [{ what: "signal", key: frame.key, payload: frame.payload }];
      case "reauth.ok":
        return [{ what: "renewed" }];
      case "auth.expiring":
        return [{ what: "expiring" }];
      case "error":
        return [{ what: "refused", code: frame.code }];
      default:
        return [];
    }
  },
};

function eventOf({ seq, prev, id, event, payload }: NativeFrame): Heard {
  return {
    what: "event",
    number: seq,
    id,
    event,
    payload,
    ...(prev === undefined ? {} : { prev }),
  };
}

/** A packet that is an event of Socket.IO: its name and its arguments. */
type Packet = readonly [string, Record<string, never>, Record<string, never>?, string?];

/** The client's side of Socket.IO, with what the Worker says for it (`edge/socket-io.ts`). */
export const SOCKET_IO_CLIENT: WholeClientSide = {
  dialect: SOCKET_IO_DIALECT,
  say: {
    authenticate: (token, at) =>
      `0${JSON.stringify({ token, ...(at && { pid: `${at.epoch}.x`, offset: String(at.seq) }) })}`,
    renew: (token) => `2${JSON.stringify(["reauth", { token }])}`,
    acknowledge: (number) => taken(number),
    subscribe: (channelIds) => `2${JSON.stringify(["subscribe", channelIds])}`,
    nonsense: () => "1",
  },
  hear(text): Heard[] {
    if (text.startsWith(SOCKET_IO_MARKS.opened)) return [{ what: "opened" }];
    const [name, payload, about, offset] = JSON.parse(text.slice(1)) as Packet;
    switch (name) {
      case "snapshot": {
        const { seq = 0, epoch = "", reason = "" } = payload;
        return [{ what: "snapshot", number: seq, reason, state: payload, epoch, seq, base: 0 }];
      }
      case "resumed":
        return [{ what: "resumed", to: payload["to"] ?? 0 }];
      case "reauth.ok":
        return [{ what: "renewed" }];
      case "auth.expiring":
        return [{ what: "expiring" }];
      case "error":
        return [{ what: "refused", code: payload["code"] ?? "" }];
    }
    if (about === undefined) return [];
    if (offset === undefined) return [{ what: "signal", key: about["key"] ?? "", payload }];
    return [{ what: "event", number: Number(offset), id: about["id"] ?? "", event: name, payload }];
  },
};

/** Hears a frame that the Worker carries (`core/carried.ts`). Throws if it is not the number before it that it has. */
export function hearCarried({ dialect, hear }: ClientSide, text: string): readonly Heard[] {
  const { number, frame } = readCarried(text);
  const heard = hear(frame);
  const last = heard.at(-1);
  // Without a state the first frame is the first position.
  if (last?.what === "opened" && dialect.snapshot === undefined) {
    if (!Number.isSafeInteger(number)) throw new Error(`there is no first number: ${text}`);
    return heard;
  }
  const isRight =
    last === undefined || !("number" in last || last.what === "resumed")
      ? number === null
      : Number.isSafeInteger(number) &&
        ("number" in last ? last.number : (last.to ?? number)) === number;
  if (!isRight) throw new Error(`the number ${number} is not that of ${frame}`);
  return heard;
}
