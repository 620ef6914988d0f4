import { err, ok, type Result } from "../../platform/result.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { FRAME_ERRORS, type FrameErrorCode } from "../../protocol/error-codes.ts";
import {
  CLIENT_FRAME_TYPES,
  ClientFrame,
  PROTOCOL_VERSION,
  type ServerFrame,
} from "../../protocol/frames.ts";
import { SUBSCRIBE_CHANNELS_MAX } from "../../protocol/limits.ts";
import type { Dialect, Intent } from "../core/dialect.ts";
import type { Entry } from "../core/journal.ts";
import { jsonFrame } from "./json-frame.ts";

const v = PROTOCOL_VERSION;

/** An acknowledgement as our clients write it: most frames are this one, and the whole parser costs ten times more. */
const PLAIN_ACK = /^\{"type":"ack","seq":(0|[1-9][0-9]{0,14})\}$/;

/** The native frames of `/ws` (rooms.md §2): JSON with a `type`. The client speaks first, and numbers are the hub's. */
export const GUILD_DIALECT: Dialect = {
  name: "guild",
  firstNumber: null,
  showsJumps: true,
  read(data) {
    const [, seq] = (typeof data === "string" ? PLAIN_ACK.exec(data) : null) ?? [];
    if (seq !== undefined) return ok({ kind: "acknowledge", number: Number(seq) });
    const frame = readFrame(data);
    return frame.ok ? ok(intentOf(frame.value)) : frame;
  },
  opened: ({ hub, connectionId, epoch, head, limits, retryWindowMs }) =>
    encode({
      v,
      type: "ack",
      event: "auth.ok",
      guildId: hub,
      connectionId,
      epoch,
      seq: head,
      limits: {
        frameBytes: limits.frameBytes,
        framesPerWindow: limits.framesPerWindow,
        windowMs: limits.windowMs,
        socketsPerUser: limits.socketsPerUser,
        subscribeChannels: SUBSCRIBE_CHANNELS_MAX,
        windowBytes: limits.windowBytes,
        windowEvents: limits.windowEvents,
        unacknowledgedBytes: limits.unacknowledgedBytes,
      },
      retryWindowMs,
    }),
  snapshot: ({ epoch }, { seq, reason, oldest, state, presence }) =>
    JSON.stringify({
      v,
      type: "snapshot",
      epoch,
      seq,
      reason,
      oldest,
      ...state,
      ...(presence === undefined ? {} : { presence }),
    }),
  event: (entry, _, prev) => {
    const jump = prev === undefined ? "" : `,"prev":${prev}`;
    return `{"v":${v},"type":"event",${eventMembers(entry)}${jump}}`;
  },
  batch(entries, _, prev) {
    let before = prev;
    const events = entries.map((entry) => {
      const jump = before === entry.seq - 1 ? "" : `,"prev":${before}`;
      before = entry.seq;
      return `{${eventMembers(entry)}${jump}}`;
    });
    return `{"v":${v},"type":"batch","events":[${events.join(",")}]}`;
  },
  signal: ({ event, key, payload, ts }) =>
    `{"v":${v},"type":"signal","event":${JSON.stringify(event)},` +
    `"key":${JSON.stringify(key)},"payload":${payload},"ts":${ts}}`,
  resumed: ({ epoch }, from, to) => encode({ v, type: "resumed", epoch, from, to }),
  renewed: (exp) => encode({ v, type: "reauth.ok", exp }),
  expiring: (exp) => encode({ v, type: "auth.expiring", exp }),
  refused: (code) => encode({ v, type: "error", code, message: FRAME_ERRORS[code] }),
  farewell: (why) => {
    const { code, meaning } = CLOSE_CODES[why];
    return { code, reason: meaning };
  },
};

/** A missing or malformed token is refused like a wrong one, and that of an `auth` frame becomes empty. */
function readFrame(data: string | ArrayBuffer): Result<ClientFrame, FrameErrorCode> {
  const read = jsonFrame(data);
  if (!read.ok) return read;
  const { value: json } = read;
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined;
  if (typeof type !== "string" || !CLIENT_FRAME_TYPES.has(type)) return err("unknown_type");
  const frame = ClientFrame.safeParse(json);
  if (frame.success) return ok(frame.data);
  const isOfToken = frame.error.issues.some(({ path }) => path[0] === "token");
  // On an open socket it is refused whatever its token is.
  if (isOfToken && type === "auth") return ok({ type, token: "" });
  return err(isOfToken ? "invalid_token" : "invalid_frame");
}

function intentOf(frame: ClientFrame): Intent {
  switch (frame.type) {
    case "auth": {
      const { token, epoch, seq } = frame;
      return { kind: "authenticate", token, resume: { epoch, seq } };
    }
    case "reauth":
      return { kind: "renew", token: frame.token };
    case "ack":
      return { kind: "acknowledge", number: frame.seq };
    case "subscribe":
      return { kind: "subscribe", topics: frame.channelIds };
  }
}

/** The members of an event after `type`. The payload is JSON text already, so it is encoded once for all sockets. */
function eventMembers(entry: Entry): string {
  const trace = entry.trace === null ? "" : `,"trace":"${entry.trace}"`;
  return (
    `"event":${JSON.stringify(entry.event)},"payload":${entry.payload},"ts":${entry.ts},` +
    `"seq":${entry.seq},"id":${JSON.stringify(entry.id)}${trace}`
  );
}

function encode(frame: ServerFrame): string {
  return JSON.stringify(frame);
}
