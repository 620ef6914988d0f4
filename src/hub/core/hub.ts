import type { Clock } from "../../platform/clock.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { FRAME_ERRORS, type FrameErrorCode } from "../../protocol/error-codes.ts";
import { PROTOCOL_VERSION } from "../../protocol/frames.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  BAD_FRAMES_MAX,
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  DEDUPE_TTL_MS,
  EXPIRY_WARNING_MS,
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
  SOCKETS_PER_HUB,
  SOCKETS_PER_USER,
  SUBSCRIBE_CHANNELS_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNAUTHENTICATED_FRAMES_MAX,
  UNAUTHENTICATED_SOCKETS_PER_HUB,
} from "../../protocol/limits.ts";
import type { Audience, HubStatus, Publication, Published } from "../publisher.ts";
import { readClientFrame } from "./client-frame.ts";
import { type After, Delivery } from "./delivery.ts";
import { encodeFrame } from "./encode.ts";
import { countFrame } from "./frame-rate.ts";
import type { Entry, HubStore, JournalBounds } from "./journal.ts";
import { LiveSession } from "./live-session.ts";
import { decideResume, type ResumePosition } from "./resume.ts";
import type { SessionIdentity, WaitingSession } from "./session.ts";
import { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./sockets.ts";

/** Task that looks for sockets whose time to authenticate or whose token has run out. */
export const DEADLINES_TASK = "hub/deadlines";

const BOUNDS: JournalBounds = {
  maxAgeMs: JOURNAL_MAX_AGE_MS,
  maxEvents: JOURNAL_MAX_EVENTS,
  maxBytes: JOURNAL_MAX_BYTES,
};

/** What `auth.ok` announces. */
const LIMITS = {
  frameBytes: CLIENT_FRAME_MAX_BYTES,
  framesPerWindow: CLIENT_FRAMES_PER_WINDOW,
  windowMs: CLIENT_FRAME_WINDOW_MS,
  socketsPerUser: SOCKETS_PER_USER,
  subscribeChannels: SUBSCRIBE_CHANNELS_MAX,
  unacknowledgedBytes: UNACKNOWLEDGED_BYTES_MAX,
} as const;

/** What the hub is built from. Everything that is not deterministic comes from outside. */
export type HubPorts<Socket extends object> = {
  readonly guildId: string;
  readonly store: HubStore;
  readonly sockets: HubSockets<Socket>;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  readonly after: After;
  /** Members of the snapshot frame for a reader. */
  readonly snapshot: (mayRead: (audience: Audience) => boolean) => Record<string, unknown>;
};

/** How a connection asks to be served. */
export type ConnectionOptions = {
  readonly id: string;
  readonly batch: boolean;
  readonly resume: ResumePosition;
};

/** What a client's frame asks for that needs a token to be verified first. */
export type TokenRequest =
  | { readonly kind: "auth"; readonly token: string; readonly options: ConnectionOptions }
  | { readonly kind: "reauth"; readonly token: string };

/**
 * One guild's realtime hub: sequencer, journal, sessions and fan-out. It knows no feature and nothing
 * of Workers; `src/hub/SPEC.md` numbers its rules.
 */
export class Hub<Socket extends object> {
  readonly #ports: HubPorts<Socket>;
  readonly #store: HubStore;
  readonly #sockets: HubSockets<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #delivery: Delivery<Socket>;
  /** Appended in the present turn and not sent yet. */
  #unsent: Entry[] = [];
  #turnDepth = 0;

  constructor(ports: HubPorts<Socket>) {
    const { store, sockets, clock, after } = ports;
    this.#ports = ports;
    this.#store = store;
    this.#sockets = sockets;
    this.#sessions = new SessionRegistry(sockets, store, clock);
    this.#delivery = new Delivery({ sockets, sessions: this.#sessions, store, clock, after });
  }

  /**
   * Runs `work` in one transaction and then sends what it published (HUB-2). Throws what `work`
   * throws, with nothing stored and nothing sent.
   */
  turn<T>(work: () => T): T {
    const mark = this.#unsent.length;
    this.#turnDepth += 1;
    try {
      return this.#store.transaction(work);
    } catch (error) {
      this.#unsent.length = mark;
      throw error;
    } finally {
      this.#turnDepth -= 1;
      if (this.#turnDepth === 0 && this.#unsent.length > 0) {
        const entries = this.#unsent;
        this.#unsent = [];
        this.#delivery.broadcast(entries);
      }
    }
  }

  /** Appends one event; call it inside {@link turn}. @param id of the event; absent: a new one */
  publish(publication: Publication, id?: string): Published {
    const now = this.#ports.clock();
    const { dedupeKey } = publication;
    if (dedupeKey !== undefined && !this.#store.remember(dedupeKey, now + DEDUPE_TTL_MS, now)) {
      return { kind: "duplicate" };
    }
    const entry: Entry = {
      seq: this.#store.extent().head + 1,
      id: id ?? this.#ports.newId(now),
      event: publication.event,
      payload: JSON.stringify(publication.payload),
      ts: publication.ts ?? now,
      at: now,
      audience: publication.audience,
      topic: publication.topic,
    };
    this.#store.append(entry);
    this.#store.trim(BOUNDS, now);
    this.#unsent.push(entry);
    return { kind: "published", seq: entry.seq };
  }

  /** Whether one more socket may wait for its `auth` frame. */
  hasRoomToWait(): boolean {
    return this.#sessions.waitingCount < UNAUTHENTICATED_SOCKETS_PER_HUB;
  }

  /** Whether one more session fits. */
  hasRoom(): boolean {
    return this.#sessions.openCount < SOCKETS_PER_HUB;
  }

  /** Takes a socket that must authenticate by its first frame (rooms.md §2). */
  wait(socket: Socket, options: ConnectionOptions): void {
    const deadline = this.#ports.clock() + AUTHENTICATION_DEADLINE_MS;
    this.#sessions.saveWaiting(socket, {
      v: 1,
      state: "waiting",
      id: options.id,
      deadline,
      frames: 0,
      bad: 0,
      batch: options.batch,
      resume: options.resume,
    });
    this.#dueNoLaterThan(deadline);
  }

  /** Opens a session: acknowledges, then sends what was missed or the whole state (HUB-4). */
  open(socket: Socket, identity: SessionIdentity, options: ConnectionOptions): void {
    const now = this.#ports.clock();
    if (!this.hasRoom()) {
      this.#delivery.end(socket, "overloaded");
      return;
    }
    this.#store.trim(BOUNDS, now);
    const extent = this.#store.extent();
    const { epoch, head } = extent;
    const session = new LiveSession(
      {
        v: 1,
        state: "open",
        id: options.id,
        sub: identity.sub,
        grants: [...identity.grants],
        exp: identity.exp,
        warned: false,
        since: now,
        from: head,
        batch: options.batch,
        bad: 0,
      },
      null,
      now,
    );
    const own = this.#sessions.add(socket, session);
    if (own.length > SOCKETS_PER_USER && own[0] !== undefined) {
      this.#delivery.end(own[0], "tooManySockets");
    }
    this.#dueNoLaterThan(session.expiresAtMs - EXPIRY_WARNING_MS);

    const v = PROTOCOL_VERSION;
    const { guildId } = this.#ports;
    const { id: connectionId } = options;
    this.#delivery.send(
      socket,
      session,
      encodeFrame({
        v,
        type: "ack",
        event: "auth.ok",
        guildId,
        connectionId,
        epoch,
        seq: head,
        limits: LIMITS,
      }),
    );
    const decision = decideResume(options.resume, extent);
    if (decision.kind === "resume") {
      this.#delivery.replay(socket, session, decision.from);
      this.#startFrom(socket, session, session.lastSent ?? head);
      return;
    }
    const state = this.#ports.snapshot((audience) => session.mayRead(audience));
    const { reason } = decision;
    this.#delivery.send(
      socket,
      session,
      JSON.stringify({ v, type: "snapshot", epoch, seq: head, reason, ...state }),
    );
    session.lastSent = head;
  }

  /**
   * Takes one frame of a client: size and rate come before parsing (HUB-9).
   * @returns a token to verify before {@link open} or {@link renew}, or null
   */
  message(socket: Socket, data: string | ArrayBuffer): TokenRequest | null {
    if (frameBytes(data) > CLIENT_FRAME_MAX_BYTES) return this.#end(socket, "frameTooBig");
    const session = this.#sessions.live(socket);
    if (session !== null) return this.#messageOfOpen(socket, session, data);
    const waiting = this.#sessions.waiting(socket);
    // A record of a version that this code does not know: the client resumes on a new socket.
    if (waiting === null) return this.#end(socket, "restart");
    return this.#messageOfWaiting(socket, waiting, data);
  }

  /** Puts a newer token of the same user in force (HUB-7). */
  renew(socket: Socket, identity: SessionIdentity): void {
    const session = this.#sessions.live(socket);
    if (session === null || session.ended) return;
    if (identity.sub !== session.record.sub) {
      this.#refuse(socket, session, "other_subject");
      return;
    }
    const sent = this.#sentSoFar(session);
    session.renew({
      ...session.record,
      grants: [...identity.grants],
      exp: identity.exp,
      warned: false,
    });
    this.#startFrom(socket, session, sent);
    this.#dueNoLaterThan(session.expiresAtMs - EXPIRY_WARNING_MS);
    const { exp } = identity;
    this.#delivery.send(
      socket,
      session,
      encodeFrame({ v: PROTOCOL_VERSION, type: "reauth.ok", exp }),
    );
  }

  /**
   * Answers a token that was refused. An open socket keeps the token it has when the new one is not
   * valid, and closes when the new one takes the guild away.
   */
  tokenRefused(
    socket: Socket,
    why: Extract<CloseName, "unauthorized" | "forbidden" | "overloaded">,
  ): void {
    const session = this.#sessions.live(socket);
    if (session === null || why === "forbidden") this.#delivery.end(socket, why);
    else this.#refuse(socket, session, "invalid_token");
  }

  /** Whether the socket still waits for its token to be verified. */
  isWaiting(socket: Socket): boolean {
    return this.#sessions.waiting(socket) !== null;
  }

  /** A socket is gone. */
  closed(socket: Socket): void {
    this.#sessions.remove(socket);
  }

  /** Closes what is overdue, warns who expires soon, and says when to look again (HUB-7). */
  checkDeadlines(): void {
    const now = this.#ports.clock();
    const ids = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const socket of this.#sockets.all()) {
      const waiting = this.#sessions.waiting(socket);
      if (waiting !== null) {
        if (waiting.deadline <= now) this.#delivery.end(socket, "authenticationTimeout");
        else next = Math.min(next, waiting.deadline);
        continue;
      }
      const session = this.#sessions.live(socket);
      if (session === null || session.ended) continue;
      if (session.expiresAtMs <= now) {
        this.#delivery.end(socket, "unauthorized");
        continue;
      }
      ids.add(session.record.id);
      const warnAt = session.expiresAtMs - EXPIRY_WARNING_MS;
      if (!session.record.warned && warnAt <= now) this.#warn(socket, session);
      next = Math.min(next, session.record.warned ? session.expiresAtMs : warnAt);
    }
    this.#store.retainFilters(ids);
    this.#store.writeTask(DEADLINES_TASK, Number.isFinite(next) ? next : null);
  }

  /** What the hub says of itself. */
  status(): HubStatus {
    const { epoch, head } = this.#store.extent();
    return { epoch, seq: head, sockets: this.#sessions.openCount };
  }

  #messageOfWaiting(
    socket: Socket,
    before: WaitingSession,
    data: string | ArrayBuffer,
  ): TokenRequest | null {
    const record = { ...before, frames: before.frames + 1 };
    this.#sessions.saveWaiting(socket, record);
    if (record.frames > UNAUTHENTICATED_FRAMES_MAX) return this.#end(socket, "tooManyFrames");
    const frame = readClientFrame(data);
    const code = frame.ok ? "not_authenticated" : frame.error;
    if (!frame.ok || frame.value.type !== "auth") {
      const bad = record.bad + 1;
      this.#sessions.saveWaiting(socket, { ...record, bad });
      this.#sockets.send(socket, errorFrame(code));
      return bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    const { token, epoch, seq } = frame.value;
    const { id, batch } = record;
    // The frame's own position wins over the query's.
    const resume = epoch === undefined && seq === undefined ? record.resume : { epoch, seq };
    return { kind: "auth", token, options: { id, batch, resume } };
  }

  #messageOfOpen(
    socket: Socket,
    session: LiveSession,
    data: string | ArrayBuffer,
  ): TokenRequest | null {
    if (session.ended) return null;
    const now = this.#ports.clock();
    const { window, allowed } = countFrame(session.frameWindow, now);
    session.frameWindow = window;
    if (!allowed) return this.#end(socket, "tooManyFrames");
    session.signOfLife(now);
    const frame = readClientFrame(data);
    if (!frame.ok) {
      session.record = { ...session.record, bad: session.record.bad + 1 };
      this.#sessions.save(socket, session);
      this.#refuse(socket, session, frame.error);
      return session.record.bad >= BAD_FRAMES_MAX ? this.#end(socket, "protocolError") : null;
    }
    switch (frame.value.type) {
      case "auth":
        return this.#refuse(socket, session, "already_authenticated");
      case "reauth":
        return { kind: "reauth", token: frame.value.token };
      case "ack":
        return frame.value.seq > this.#store.extent().head
          ? this.#refuse(socket, session, "invalid_ack")
          : null;
      case "subscribe":
        return this.#narrow(socket, session, frame.value.channelIds);
    }
  }

  #narrow(socket: Socket, session: LiveSession, topics: readonly string[]): null {
    const sent = this.#sentSoFar(session);
    const filter = topics.length === 0 ? null : topics;
    session.narrow(filter);
    this.#store.writeFilter(session.record.id, filter);
    this.#startFrom(socket, session, sent);
    return null;
  }

  /** The last seq it was sent: asked before its grants or its filter change what that would be. */
  #sentSoFar(session: LiveSession): number {
    return session.sentBefore(this.#store.extent().head + 1, this.#store);
  }

  #startFrom(socket: Socket, session: LiveSession, seq: number): void {
    session.lastSent = seq;
    session.record = { ...session.record, from: seq };
    this.#sessions.save(socket, session);
  }

  #warn(socket: Socket, session: LiveSession): void {
    session.record = { ...session.record, warned: true };
    this.#sessions.save(socket, session);
    const { exp } = session.record;
    this.#delivery.send(
      socket,
      session,
      encodeFrame({ v: PROTOCOL_VERSION, type: "auth.expiring", exp }),
    );
  }

  #refuse(socket: Socket, session: LiveSession, code: FrameErrorCode): null {
    this.#delivery.send(socket, session, errorFrame(code));
    return null;
  }

  #end(socket: Socket, why: CloseName): null {
    this.#delivery.end(socket, why);
    return null;
  }

  #dueNoLaterThan(at: number): void {
    const known = this.#store.readTask(DEADLINES_TASK);
    if (known === null || at < known) this.#store.writeTask(DEADLINES_TASK, at);
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
