import type { PONG_FRAME } from "../protocol/frames.ts";
import { isRecord, isText } from "./json-shape.ts";
import type { EventMeta, Presence, Snapshot } from "./stream-item.ts";

/** An event in a frame. Its name may be one of a later version. */
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

/** How much the hub sends beyond the last acknowledgement; absent: a hub without that limit. */
export type Credit = {
  readonly windowBytes?: number | undefined;
  readonly windowEvents?: number | undefined;
};

const PONG: typeof PONG_FRAME = '{"type":"pong"}';

/** A message of the server, as it was read. */
export type ReadFrame =
  | { readonly kind: "frame"; readonly frame: ServerFrame }
  | { readonly kind: "pong" }
  /** Not understood: of a later version, or invalid. Both are ignored. */
  | { readonly kind: "unknown" };

const UNKNOWN: ReadFrame = { kind: "unknown" };

/** Reads one WebSocket message. Checks what the client relies on; never throws. */
export function readFrame(data: unknown): ReadFrame {
  if (typeof data !== "string") return UNKNOWN;
  if (data === PONG) return { kind: "pong" };
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return UNKNOWN;
  }
  return isServerFrame(value) ? { kind: "frame", frame: value } : UNKNOWN;
}

function isServerFrame(value: unknown): value is ServerFrame {
  if (!isRecord(value)) return false;
  switch (value["type"]) {
    case "ack":
      return value["event"] === "auth.ok" && isText(value["epoch"]) && isSeq(value["seq"]);
    case "event":
      return isEvent(value);
    case "batch":
      return Array.isArray(value["events"]) && value["events"].every(isEvent);
    case "snapshot":
      return isText(value["epoch"]) && isSeq(value["seq"]) && Array.isArray(value["rooms"]);
    case "resumed":
      return isText(value["epoch"]) && isSeq(value["from"]) && isSeq(value["to"]);
    case "signal":
      return isText(value["event"]) && isText(value["key"]) && value["payload"] !== undefined;
    case "auth.expiring":
    case "reauth.ok":
      return isSeq(value["exp"]);
    case "error":
      return isText(value["code"]) && isText(value["message"]);
    default:
      return false;
  }
}

/** Whether a value is presence. */
export function isPresence(value: unknown): value is Presence {
  return (
    isRecord(value) &&
    isSeq(value["count"]) &&
    (value["users"] === null || Array.isArray(value["users"]))
  );
}

/** Whether a value is an event in a frame. */
export function isEvent(value: unknown): value is EventBody {
  return (
    isRecord(value) &&
    isText(value["event"]) &&
    isRecord(value["payload"]) &&
    isSeq(value["seq"]) &&
    typeof value["ts"] === "number" &&
    (value["prev"] === undefined || isSeq(value["prev"]))
  );
}

/** Whether a value is a whole number from 0: a seq, a count, a duration. */
export function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
