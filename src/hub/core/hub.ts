import type { Clock } from "../../platform/clock.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { PROTOCOL_VERSION } from "../../protocol/frames.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  DEDUPE_TTL_MS,
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
  SOCKETS_PER_HUB,
  SOCKETS_PER_USER,
  SUBSCRIBE_CHANNELS_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNAUTHENTICATED_SOCKETS_PER_HUB,
} from "../../protocol/limits.ts";
import type { Audience, HubStatus, Publication, Published } from "../publisher.ts";
import { Deadlines } from "./deadlines.ts";
import { type After, Delivery } from "./delivery.ts";
import { encodeFrame } from "./encode.ts";
import { type ConnectionOptions, FrameIntake, type TokenRequest } from "./frame-intake.ts";
import type { Entry, HubStore, JournalBounds } from "./journal.ts";
import { LiveSession } from "./live-session.ts";
import { decideResume } from "./resume.ts";
import type { SessionIdentity } from "./session.ts";
import { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./sockets.ts";

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

/**
 * One guild's realtime hub: sequencer, journal, sessions and fan-out. It knows no feature and nothing
 * of Workers; `src/hub/SPEC.md` numbers its rules.
 */
export class Hub<Socket extends object> {
  readonly #ports: HubPorts<Socket>;
  readonly #store: HubStore;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #delivery: Delivery<Socket>;
  readonly #frames: FrameIntake<Socket>;
  readonly #deadlines: Deadlines<Socket>;
  /** Appended in the present turn and not sent yet. */
  #unsent: Entry[] = [];
  #turnDepth = 0;

  constructor(ports: HubPorts<Socket>) {
    const { store, sockets, clock, after } = ports;
    this.#ports = ports;
    this.#store = store;
    const sessions = new SessionRegistry(sockets, store, clock);
    const delivery = new Delivery({ sockets, sessions, store, clock, after });
    this.#sessions = sessions;
    this.#delivery = delivery;
    const parts = { sockets, sessions, delivery, store, clock };
    this.#frames = new FrameIntake(parts);
    this.#deadlines = new Deadlines(parts);
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
    this.#deadlines.watchWaiting(deadline);
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
    this.#deadlines.watchToken(session);

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
      this.#sessions.startFrom(socket, session, session.lastSent ?? head);
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
   * Takes one frame of a client (HUB-9).
   * @returns a token to verify before {@link open} or {@link renew}, or null
   */
  message(socket: Socket, data: string | ArrayBuffer): TokenRequest | null {
    return this.#frames.take(socket, data);
  }

  /** Puts a newer token of the same user in force (HUB-7). */
  renew(socket: Socket, identity: SessionIdentity): void {
    const session = this.#sessions.live(socket);
    if (session === null || session.ended) return;
    if (identity.sub !== session.record.sub) {
      this.#frames.refuse(socket, session, "other_subject");
      return;
    }
    // Asked before the grants change what that would be.
    const sent = session.sentBefore(this.#store.extent().head + 1, this.#store);
    session.renew({
      ...session.record,
      grants: [...identity.grants],
      exp: identity.exp,
      warned: false,
    });
    this.#sessions.startFrom(socket, session, sent);
    this.#deadlines.watchToken(session);
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
    else this.#frames.refuse(socket, session, "invalid_token");
  }

  /** Whether the socket still waits for its token to be verified. */
  isWaiting(socket: Socket): boolean {
    return this.#sessions.waiting(socket) !== null;
  }

  /** A socket is gone. */
  closed(socket: Socket): void {
    this.#sessions.remove(socket);
  }

  /** Closes what is overdue and warns who expires soon (HUB-7). */
  checkDeadlines(): void {
    this.#deadlines.check();
  }

  /** What the hub says of itself. */
  status(): HubStatus {
    const { epoch, head } = this.#store.extent();
    return { epoch, seq: head, sockets: this.#sessions.openCount };
  }
}
