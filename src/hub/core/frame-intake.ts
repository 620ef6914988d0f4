import { isLongerThan } from "../../protocol/bytes.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";
import { BAD_FRAMES_MAX, UNAUTHENTICATED_FRAMES_MAX } from "../../protocol/limits.ts";
import type { ServingParts } from "./serving-parts.ts";
import type { DirectIntent } from "./dialect.ts";
import { countFrame } from "./frame-rate.ts";
import type { LiveSession } from "./live-session.ts";
import type { ResumePosition } from "./resume.ts";
import type { OpenSession, WaitingSession } from "./session.ts";

/** How a client wants to be served. */
export type ConnectionOptions = {
  readonly id: string;
  readonly batch: boolean;
  /** Whether it wants signals (HUB-15). */
  readonly signals?: boolean;
  /** What the Worker makes of the socket (`src/hub/edge`); absent: it is the client's own. */
  readonly transport?: "sse" | "poll";
  /** Absent: the first one of the hub's kind. */
  readonly dialect?: string;
  readonly resume: ResumePosition;
};

/** What a client says to an extension, and who it is. */
export type Said = {
  readonly kind: "said";
  readonly from: OpenSession;
  readonly intent: DirectIntent;
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
   * @returns a token to verify first, or something for an extension, or null
   */
  take(socket: Socket, data: string | ArrayBuffer): TokenRequest | Said | null {
    const { frameBytes } = this.#parts.kind.limits;
    if (isLonger(data, frameBytes)) return this.#end(socket, "frameTooBig");
    const session = this.#parts.sessions.live(socket);
    if (session !== null) return this.#messageOfOpen(socket, session, data);
    const waiting = this.#parts.sessions.waiting(socket);
    // The record is of an unknown version: the client resumes on a new socket.
    if (waiting === null) return this.#end(socket, "restart");
    return this.#messageOfWaiting(socket, waiting, data);
  }

  /** Tells a client that its frame was refused. */
  refuse(socket: Socket, session: LiveSession, code: FrameErrorCode): null {
    this.#parts.delivery.send(socket, session, session.dialect.refused(code));
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
    const speaks = this.#parts.sessions.dialectOf(socket);
    const intent = speaks.read(data);
    if (!intent.ok && intent.error === "invalid_token") return this.#end(socket, "unauthorized");
    if (!intent.ok || intent.value.kind !== "authenticate") {
      const bad = record.bad + 1;
      this.#parts.sessions.saveWaiting(socket, { ...record, bad });
      const code = intent.ok ? "not_authenticated" : intent.error;
      this.#parts.sockets.send(socket, speaks.refused(code));
      return bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    const { token, resume: asked } = intent.value;
    const { id, batch, signals = false, dialect } = record;
    // A position in the frame wins over one in the query.
    const resume = asked.epoch === undefined && asked.seq === undefined ? record.resume : asked;
    const options = { id, batch, signals, resume, ...(dialect === undefined ? {} : { dialect }) };
    return { kind: "auth", token, options };
  }

  #messageOfOpen(
    socket: Socket,
    session: LiveSession,
    data: string | ArrayBuffer,
  ): TokenRequest | Said | null {
    if (session.ended) return null;
    const now = this.#parts.clock();
    const { limits } = this.#parts.kind;
    const { sentQuarters } = session.credit;
    const { window, allowed } = countFrame(session.frameWindow, now, sentQuarters, limits);
    session.frameWindow = window;
    // The Worker's acknowledgements follow from what was sent, and come as fast as the client reads.
    const isOurs = session.record.transport !== undefined;
    if (!allowed && !isOurs) return this.#end(socket, "tooManyFrames");
    session.credit.signOfLife();
    const intent = session.dialect.read(data);
    if (!intent.ok && intent.error === "invalid_token") {
      return this.refuse(socket, session, intent.error);
    }
    if (!intent.ok) {
      session.record = { ...session.record, bad: session.record.bad + 1 };
      this.#parts.sessions.save(socket, session);
      this.refuse(socket, session, intent.error);
      return session.record.bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    switch (intent.value.kind) {
      case "authenticate":
        return this.refuse(socket, session, "already_authenticated");
      case "renew":
        return { kind: "reauth", token: intent.value.token };
      case "acknowledge": {
        const { number, reply = null } = intent.value;
        if (number !== null) this.#acknowledge(socket, session, number + session.base);
        this.#parts.delivery.send(socket, session, reply);
        return null;
      }
      case "subscribe":
        return this.#narrow(socket, session, intent.value.topics);
      case "message":
      case "answer":
        return { kind: "said", from: session.record, intent: intent.value };
    }
  }

  #acknowledge(socket: Socket, session: LiveSession, seq: number): null {
    const sent = session.sentBefore(this.#parts.store.extent().head + 1, this.#parts.store);
    // After a wake `sent` is too low when the journal has trimmed that event. The Worker can be believed.
    const isOurs = session.record.transport !== undefined;
    if (seq > sent && !isOurs) return this.refuse(socket, session, "invalid_ack");
    this.#parts.delivery.acknowledged(socket, session, seq, sent);
    return null;
  }

  #narrow(socket: Socket, session: LiveSession, topics: readonly string[]): null {
    this.#parts.delivery.settle(socket, session);
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

/** Whether a frame is longer than so many bytes. */
function isLonger(data: string | ArrayBuffer, bytes: number): boolean {
  return typeof data === "string" ? isLongerThan(data, bytes) : data.byteLength > bytes;
}
