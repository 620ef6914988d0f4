import { Decoder, Encoder, type Packet, PacketType } from "socket.io-parser";
import { z } from "zod";
import { err, ok, type Result } from "../../platform/result.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { FRAME_ERRORS, type FrameErrorCode } from "../../protocol/error-codes.ts";
import { PROTOCOL_VERSION } from "../../protocol/frames.ts";
import { SUBSCRIBE_CHANNELS_MAX, TOPIC_MAX_LENGTH } from "../../protocol/limits.ts";
import type { Dialect, DirectFrames, Intent } from "../core/dialect.ts";

/**
 * What a hub and the Worker's adapter for Socket.IO (`edge/socket-io.ts`) send each other beside packets. The hub
 * writes packets, once for all clients. The Worker keeps the connection of Engine.IO: heartbeats and ids.
 */
export const SOCKET_IO_MARKS = {
  /** From the hub: the session has begun. JSON of {@link SocketIoOpened} follows. */
  opened: "o",
  /** From the hub: `c<id>:<JSON of an event>`, which the client answers. From the Worker: the same with its answer. */
  call: "c",
} as const;

/** What the Worker needs to know of a session that has begun. */
export type SocketIoOpened = {
  readonly connectionId: string;
  readonly epoch: string;
  /** Whether the client gets what it missed, and not the whole state. */
  readonly resumes: boolean;
};

const encoder = new Encoder();
const Token = z.object({ token: z.string().min(1) });
/** Without spaces: the store puts one between the topics of a connection. */
const Topics = z
  .array(
    z
      .string()
      .max(TOPIC_MAX_LENGTH)
      .regex(/^[\x21-\x7e]+$/),
  )
  .max(SUBSCRIBE_CHANNELS_MAX);

/** Frames outside of the sequence. */
export const SOCKET_IO_DIRECT: DirectFrames = {
  // A client with connection state recovery takes a text in the last place for its position.
  message: (name, data) => eventPacket(name, data, {}),
  answer: (ack, data) =>
    encodePacket({ type: PacketType.ACK, nsp: "/", id: Number(ack), data: [data] }),
  call: (id, name, data) => `${SOCKET_IO_MARKS.call}${id}:${JSON.stringify([name, data])}`,
};

/**
 * Socket.IO v5 for the clients of a hub. An event's first argument is its payload, and the last one its seq as
 * text: the offset that a client with connection state recovery sends when it comes back.
 */
export const SOCKET_IO_DIALECT: Dialect = {
  name: "socket-io",
  firstNumber: null,
  showsJumps: false,
  read: (data) => readPacket(data, ownIntent),
  opened: ({ connectionId, epoch, resumes }) =>
    SOCKET_IO_MARKS.opened +
    JSON.stringify({ connectionId, epoch, resumes } satisfies SocketIoOpened),
  snapshot: ({ epoch }, { seq, reason, oldest, state, presence }) => {
    const here = presence === undefined ? {} : { presence };
    const whole = { v: PROTOCOL_VERSION, epoch, seq, reason, oldest, ...state, ...here };
    return eventPacket("snapshot", whole, String(seq));
  },
  // The payload is JSON text already, so it is encoded once for all sockets.
  event: ({ event, payload, seq, id, ts, trace }) => {
    const about = JSON.stringify({ seq, id, ts, ...(trace === null ? {} : { trace }) });
    return `2[${JSON.stringify(event)},${payload},${about},"${seq}"]`;
  },
  signal: ({ event, key, payload, ts }) =>
    `2[${JSON.stringify(event)},${payload},${JSON.stringify({ key, ts })}]`,
  resumed: (_, from, to) => eventPacket("resumed", { from, to }, String(to)),
  renewed: (exp) => eventPacket("reauth.ok", { exp }),
  expiring: (exp) => eventPacket("auth.expiring", { exp }),
  refused: (code) => eventPacket("error", { code, message: FRAME_ERRORS[code] }),
  farewell: (why) => {
    const { code, meaning } = CLOSE_CODES[why];
    return { code, reason: meaning };
  },
  direct: SOCKET_IO_DIRECT,
};

/** Reads a packet that needs no binary attachment; null: it is malformed, or needs one. */
export function decodePacket(text: string): Packet | null {
  const decoder = new Decoder();
  const decoded: Packet[] = [];
  decoder.on("decoded", (packet) => decoded.push(packet));
  try {
    decoder.add(text);
  } catch {
    return null;
  }
  const packet = decoded[0] ?? null;
  const hasList = packet?.type === PacketType.EVENT || packet?.type === PacketType.ACK;
  // The library takes an event without its list.
  return hasList && !Array.isArray(packet.data) ? null : packet;
}

/** Text of a packet without binary parts. */
export function encodePacket(packet: Packet): string {
  return String(encoder.encode(packet)[0]);
}

/** Text of an event with these arguments. */
export function eventPacket(name: string, ...data: readonly unknown[]): string {
  return encodePacket({ type: PacketType.EVENT, nsp: "/", data: [name, ...data] });
}

function readAnswer(text: string): Result<Intent, FrameErrorCode> {
  const colon = text.indexOf(":");
  const packet = decodePacket(PacketType.ACK + text.slice(colon + 1));
  if (packet === null) return err("invalid_frame");
  const data = packet.data as readonly unknown[];
  // A client may answer with several arguments.
  const answer = data.length > 1 ? data : (data[0] ?? null);
  return ok({ kind: "answer", call: text.slice(1, colon), data: answer });
}

/**
 * Reads what the Worker passes on of a client: an event, or the answer to a call. Packets of namespaces other than `/`
 * do not get here, nor do events with reserved names.
 * @param own reads an event of a name that is not an extension's; null: it is a message for one
 */
export function readPacket(
  data: string | ArrayBuffer,
  own: (name: string, argument: unknown) => Result<Intent, FrameErrorCode> | null,
): Result<Intent, FrameErrorCode> {
  if (typeof data !== "string") return err("binary");
  if (data.startsWith(SOCKET_IO_MARKS.call)) return readAnswer(data);
  const packet = decodePacket(data);
  if (packet?.type !== PacketType.EVENT) return err("unknown_type");
  const [name, ...rest] = packet.data as readonly unknown[];
  if (typeof name !== "string") return err("invalid_frame");
  const argument = rest[0] ?? null;
  const intent = own(name, argument);
  const hasSeveral = rest.length > 1;
  if (intent !== null) return hasSeveral ? err("invalid_frame") : intent;
  // Extensions take one argument. None is null.
  if (hasSeveral) return ok({ kind: "unknown" });
  const ack = packet.id === undefined ? {} : { ack: String(packet.id) };
  return ok({ kind: "message", name, data: argument, ...ack });
}

function ownIntent(name: string, argument: unknown): Result<Intent, FrameErrorCode> | null {
  switch (name) {
    case "reauth": {
      const asked = Token.safeParse(argument);
      return asked.success ? ok({ kind: "renew", token: asked.data.token }) : err("invalid_token");
    }
    case "subscribe": {
      const asked = Topics.safeParse(argument);
      return asked.success ? ok({ kind: "subscribe", topics: asked.data }) : err("invalid_frame");
    }
    default:
      return null;
  }
}
