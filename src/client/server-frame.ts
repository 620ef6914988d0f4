import type { EventMeta, Snapshot } from "./stream-item.ts";

/** An event as it stands in a frame: its name may be of a later version. */
export type EventBody = {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
} & EventMeta;

/** The parts of the server's frames (rooms.md §2) that this client relies on. */
export type ServerFrame =
  | {
      readonly type: "ack";
      readonly event: "auth.ok";
      readonly guildId: string;
      readonly connectionId: string;
      readonly epoch: string;
      readonly seq: number;
      readonly limits?: Credit | undefined;
      /** After a loss, spread the first attempt over this time, milliseconds. */
      readonly retryWindowMs?: number | undefined;
    }
  | ({ readonly type: "event" } & EventBody)
  | { readonly type: "batch"; readonly events: readonly EventBody[] }
  | (Snapshot & { readonly presence?: unknown })
  | {
      readonly type: "resumed";
      readonly epoch: string;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: "signal";
      readonly event: string;
      readonly key: string;
      readonly payload: unknown;
      readonly ts: number;
    }
  | { readonly type: "auth.expiring"; readonly exp: number }
  | { readonly type: "reauth.ok"; readonly exp: number }
  | { readonly type: "error"; readonly code: string; readonly message: string };

/** How far the hub sends beyond what is acknowledged; absent: a hub that does not count. */
export type Credit = {
  readonly windowBytes?: number | undefined;
  readonly windowEvents?: number | undefined;
};
