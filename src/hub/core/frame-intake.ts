import { err, ok, type Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { FRAME_ERRORS, type FrameErrorCode } from "../../protocol/error-codes.ts";
import { CLIENT_FRAME_TYPES, ClientFrame, PROTOCOL_VERSION } from "../../protocol/frames.ts";
import {
  BAD_FRAMES_MAX,
  CLIENT_FRAME_MAX_BYTES,
  UNAUTHENTICATED_FRAMES_MAX,
} from "../../protocol/limits.ts";
import type { ServingParts } from "./delivery.ts";
import { encodeFrame } from "./encode.ts";
import { countFrame } from "./frame-rate.ts";
import type { LiveSession } from "./live-session.ts";
import type { ResumePosition } from "./resume.ts";
import type { WaitingSession } from "./session.ts";

/**
 * Parses a client's frame after its size and rate were checked (HUB-9). A missing or malformed token is refused
 * like a wrong one.
 */
function readClientFrame(data: string | ArrayBuffer): Result<ClientFrame, FrameErrorCode> {
  if (typeof data !== "string") return err("binary");
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return err("not_json");
  }
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined;
  if (typeof type !== "string" || !CLIENT_FRAME_TYPES.has(type)) return err("unknown_type");
  const frame = ClientFrame.safeParse(json);
  if (frame.success) return ok(frame.data);
  const isOfToken = frame.error.issues.some(({ path }) => path[0] === "token");
  return err(isOfToken ? "invalid_token" : "invalid_frame");
}

/** How a client wants to be served. */
export type ConnectionOptions = {
  readonly id: string;
  readonly batch: boolean;
  /** Whether it wants signals (HUB-15). */
  readonly signals?: boolean;
  /** Absent: a WebSocket. */
  readonly transport?: "sse" | "poll";
  readonly resume: ResumePosition;
};

/** A client's frame that takes effect when its token is verified. */
export type TokenRequest =
  | { readonly kind: "auth"; readonly token: string; readonly options: ConnectionOptions }
  | { readonly kind: "reauth"; readonly token: string };

/** Takes the frames of clients: checks size and rate first, then parses, and answers or hands on (HUB-9). */
export class FrameIntake<Socket extends object> {
  readonly #parts: ServingParts<Socket>;

  constructor(parts: ServingParts<Socket>) {
    this.#parts = parts;
  }

  /**
   * Takes one frame: size and rate come before parsing.
   * @returns a token to verify first, or null
   */
  take(socket: Socket, data: string | ArrayBuffer): TokenRequest | null {
    if (frameBytes(data) > CLIENT_FRAME_MAX_BYTES) return this.#end(socket, "frameTooBig");
    const session = this.#parts.sessions.live(socket);
    if (session !== null) return this.#messageOfOpen(socket, session, data);
    const waiting = this.#parts.sessions.waiting(socket);
    // The record is of an unknown version: the client resumes on a new socket.
    if (waiting === null) return this.#end(socket, "restart");
    return this.#messageOfWaiting(socket, waiting, data);
  }

  /** Tells a client that its frame was refused. */
  refuse(socket: Socket, session: LiveSession, code: FrameErrorCode): null {
    this.#parts.delivery.send(socket, session, errorFrame(code));
    return null;
  }

  #messageOfWaiting(
    socket: Socket,
    before: WaitingSession,
    data: string | ArrayBuffer,
  ): TokenRequest | null {
    const record = { ...before, frames: before.frames + 1 };
    this.#parts.sessions.saveWaiting(socket, record);
    if (record.frames > UNAUTHENTICATED_FRAMES_MAX) return this.#end(socket, "tooManyFrames");
    const frame = readClientFrame(data);
    if (!frame.ok && frame.error === "invalid_token") return this.#end(socket, "unauthorized");
    const code = frame.ok ? "not_authenticated" : frame.error;
    if (!frame.ok || frame.value.type !== "auth") {
      const bad = record.bad + 1;
      this.#parts.sessions.saveWaiting(socket, { ...record, bad });
      this.#parts.sockets.send(socket, errorFrame(code));
      return bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    const { token, epoch, seq } = frame.value;
    const { id, batch, signals = false } = record;
    // A position in the frame wins over one in the query.
    const resume = epoch === undefined && seq === undefined ? record.resume : { epoch, seq };
    return { kind: "auth", token, options: { id, batch, signals, resume } };
  }

  #messageOfOpen(
    socket: Socket,
    session: LiveSession,
    data: string | ArrayBuffer,
  ): TokenRequest | null {
    if (session.ended) return null;
    const now = this.#parts.clock();
    const { window, allowed } = countFrame(session.frameWindow, now, session.credit.sentQuarters);
    session.frameWindow = window;
    if (!allowed) return this.#end(socket, "tooManyFrames");
    session.credit.signOfLife();
    const frame = readClientFrame(data);
    if (!frame.ok && frame.error === "invalid_token") {
      return this.refuse(socket, session, frame.error);
    }
    if (!frame.ok) {
      session.record = { ...session.record, bad: session.record.bad + 1 };
      this.#parts.sessions.save(socket, session);
      this.refuse(socket, session, frame.error);
      return session.record.bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    switch (frame.value.type) {
      case "auth":
        return this.refuse(socket, session, "already_authenticated");
      case "reauth":
        return { kind: "reauth", token: frame.value.token };
      case "ack":
        return this.#acknowledge(socket, session, frame.value.seq);
      case "subscribe":
        return this.#narrow(socket, session, frame.value.channelIds);
    }
  }

  #acknowledge(socket: Socket, session: LiveSession, seq: number): null {
    const sent = session.sentBefore(this.#parts.store.extent().head + 1, this.#parts.store);
    if (seq > sent) return this.refuse(socket, session, "invalid_ack");
    this.#parts.delivery.acknowledged(socket, session, seq, sent);
    return null;
  }

  #narrow(socket: Socket, session: LiveSession, topics: readonly string[]): null {
    this.#parts.delivery.settle(session);
    const filter = topics.length === 0 ? null : topics;
    session.narrow(filter);
    this.#parts.store.writeFilter(session.record.id, filter);
    this.#parts.sessions.save(socket, session);
    return null;
  }

  #end(socket: Socket, why: CloseName): null {
    this.#parts.delivery.end(socket, why);
    return null;
  }
}

function errorFrame(code: FrameErrorCode): string {
  return encodeFrame({ v: PROTOCOL_VERSION, type: "error", code, message: FRAME_ERRORS[code] });
}

const encoder = new TextEncoder();

function frameBytes(data: string | ArrayBuffer): number {
  if (typeof data !== "string") return data.byteLength;
  return data.length * 3 <= CLIENT_FRAME_MAX_BYTES ? data.length : encoder.encode(data).length;
}
