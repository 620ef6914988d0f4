import type { ServerFrame } from "../protocol/frames.ts";

type Frame<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

/** An event as it arrives, alone or out of a batch. */
export type StreamEvent = Omit<Frame<"event">, "v" | "type"> & { readonly type: "event" };

/** What a connection to the stream hands on, in order. */
export type StreamItem =
  /** The connection is accepted; names the guild. */
  | { readonly type: "accepted"; readonly guildId: string }
  | StreamEvent
  /** The whole state: forget what was known. */
  | Pick<Frame<"snapshot">, "type" | "epoch" | "seq" | "reason" | "rooms" | "gateway">
  /** All that was missed has been sent again; `events` is how many that were. */
  | {
      readonly type: "resumed";
      readonly from: number;
      readonly to: number;
      readonly events: number;
    }
  /** Something after `after` is missing; the connection is made again to fetch it. */
  | { readonly type: "hole"; readonly after: number; readonly got: number }
  /** The connection is gone; `why` is in plain words. */
  | { readonly type: "lost"; readonly why: string };

/** Where the connection stands; times in milliseconds since 1970. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly since: number }
  /** Lost; the next attempt is at `until`. */
  | { readonly kind: "waiting"; readonly until: number; readonly why: string }
  | { readonly kind: "signed-out" }
  /** It will not come back by itself; `why` says what to do. */
  | { readonly kind: "stopped"; readonly why: string };
