import { isLongerThan } from "../../protocol/bytes.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";
import type { ServingParts } from "./serving-parts.ts";
import { readTaken } from "./carried.ts";
import type { DirectIntent } from "./dialect.ts";
import { FRAME_SHOWS_AFTER_MS } from "./flow.ts";
import { countFrame } from "./frame-rate.ts";
import { readBounded } from "./read-bounded.ts";
import type { Spoken } from "./stream-kind.ts";
import type { LiveSession } from "./live-session.ts";
import type { ResumePosition } from "./resume.ts";
import type { OpenSession } from "./session.ts";
import { factsOf } from "./transport.ts";

/** How a client wants to be served. */
export type ConnectionOptions = Spoken & {
  readonly id: string;
  readonly batch: boolean;
  /** Whether it wants signals (HUB-15). */
  readonly signals?: boolean;
  readonly resume: ResumePosition;
};

/** What a client says to an extension, and who it is. */
export type Said = {
  readonly kind: "said";
  readonly from: OpenSession;
  readonly intent: DirectIntent;
};

/** A newer token of a client. It takes effect when it is verified. */
export type TokenRequest = { readonly kind: "renew"; readonly token: string };

/** Takes the frames of clients: checks size and rate first, then parses, and answers or hands on (HUB-9). */
export class FrameIntake<Socket extends object> {
  readonly #parts: ServingParts<Socket>;

  constructor(parts: ServingParts<Socket>) {
    this.#parts = parts;
  }

  /**
   * Takes one frame: size and rate come before parsing.
   * @returns a newer token to verify first, or something for an extension, or null
   */
  take(socket: Socket, data: string | ArrayBuffer): TokenRequest | Said | null {
    const { frameBytes } = this.#parts.kind.limits;
    if (isLongerThan(data, frameBytes)) return this.#end(socket, "frameTooBig");
    const session = this.#parts.sessions.live(socket);
    // The record is of an unknown version: the client resumes on a new socket.
    if (session === null) return this.#end(socket, "restart");
    return this.#read(socket, session, data);
  }

  /** Tells a client that its frame was refused. */
  refuse(socket: Socket, session: LiveSession, code: FrameErrorCode): null {
    this.#parts.sender.send(socket, session, session.dialect.refused(code));
    return null;
  }

  #read(
    socket: Socket,
    session: LiveSession,
    data: string | ArrayBuffer,
  ): TokenRequest | Said | null {
    if (session.ended) return null;
    this.#parts.sessions.hear(socket, session);
    const now = this.#parts.clock();
    const { limits } = this.#parts.kind;
    const { isClientSilent, isCarried } = factsOf(session.record.transport);
    // The Worker's acknowledgements follow from what was sent, and come as fast as the client reads.
    const isOurs = isClientSilent || (isCarried && readTaken(data) !== null);
    if (!isOurs) {
      const more = session.credit.sentQuarters + session.asked;
      const { window, allowed } = countFrame(session.frameWindow, now, more, limits);
      session.frameWindow = window;
      if (!allowed) return this.#end(socket, "tooManyFrames");
    }
    if (session.takesTurns && !isOurs) session.credit.pinged(now - FRAME_SHOWS_AFTER_MS);
    const intent = readBounded(session.dialect, data);
    if (!intent.ok && intent.error === "invalid_token") {
      return this.refuse(socket, session, intent.error);
    }
    if (!intent.ok) {
      session.record = { ...session.record, bad: session.record.bad + 1 };
      this.#parts.sessions.save(socket, session);
      this.refuse(socket, session, intent.error);
      return session.record.bad >= limits.badFrames ? this.#end(socket, "protocolError") : null;
    }
    switch (intent.value.kind) {
      case "authenticate":
        return this.refuse(socket, session, "already_authenticated");
      case "renew":
        return { kind: "renew", token: intent.value.token };
      case "acknowledge": {
        const { number, reply = null } = intent.value;
        if (number !== null) this.#acknowledge(socket, session, number + session.base, isOurs);
        this.#parts.sender.send(socket, session, reply);
        return null;
      }
      case "subscribe":
        return this.#narrow(socket, session, intent.value.topics);
      case "unknown":
        return this.refuse(socket, session, "unknown_type");
      case "message":
      case "answer":
        return { kind: "said", from: session.record, intent: intent.value };
    }
  }

  /** @param isOurs whether the Worker says so. It can be believed */
  #acknowledge(socket: Socket, session: LiveSession, seq: number, isOurs: boolean): null {
    // The Worker has seen nothing of the client either.
    if (session.takesTurns) return null;
    const { head } = this.#parts.store.extent();
    // Since the wake it was sent no event, and nothing is open. What it was sent before would have to be looked for
    // in the journal, which a client could make the hub do again and again.
    const sent = session.lastSent ?? head;
    if (seq > sent && !isOurs) return this.refuse(socket, session, "invalid_ack");
    this.#parts.delivery.acknowledged(socket, session, seq, sent);
    this.#parts.owed.pump(socket, session);
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
    this.#parts.sender.end(socket, why);
    return null;
  }
}
