import type { Clock } from "../../platform/clock.ts";
import { PROTOCOL_VERSION, type Presence } from "../../protocol/frames.ts";
import {
  ACCEPTS_PER_SECOND,
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  CREDIT_WINDOW_BYTES,
  CREDIT_WINDOW_EVENTS,
  SOCKETS_PER_OBJECT,
  SOCKETS_PER_USER,
  SUBSCRIBE_CHANNELS_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
} from "../../protocol/limits.ts";
import type { Audience } from "../publisher.ts";
import { retryWindowMs } from "./accept-rate.ts";
import type { Deadlines } from "./deadlines.ts";
import type { ServingParts } from "./delivery.ts";
import { encodeFrame } from "./encode.ts";
import type { ConnectionOptions } from "./frame-intake.ts";
import { JOURNAL_BOUNDS } from "./journal.ts";
import { LiveSession } from "./live-session.ts";
import { decideResume, type ResumeDecision } from "./resume.ts";
import type { SessionIdentity } from "./session.ts";

/** Limits that `auth.ok` announces. */
const LIMITS = {
  frameBytes: CLIENT_FRAME_MAX_BYTES,
  framesPerWindow: CLIENT_FRAMES_PER_WINDOW,
  windowMs: CLIENT_FRAME_WINDOW_MS,
  socketsPerUser: SOCKETS_PER_USER,
  subscribeChannels: SUBSCRIBE_CHANNELS_MAX,
  windowBytes: CREDIT_WINDOW_BYTES,
  windowEvents: CREDIT_WINDOW_EVENTS,
  unacknowledgedBytes: UNACKNOWLEDGED_BYTES_MAX,
} as const;

/** The whole state at a seq, as far as one reader may see it. */
export type SnapshotAt = { readonly seq: number; readonly state: Record<string, unknown> };

/** Makes the whole state for a reader. */
export type SnapshotSource = (mayRead: (audience: Audience) => boolean) => SnapshotAt;

/** What opening a session needs from outside. */
export type OpeningPorts = {
  readonly guildId: string;
  readonly clock: Clock;
  /** Who is connected to the guild, relays included. */
  readonly presence: () => Presence;
  /** Users have come or gone. */
  readonly onPresenceChange: () => void;
  /** A client has connected; `decision` is how it starts. */
  readonly onOpen: (decision: ResumeDecision) => void;
};

/** Begins sessions: the acknowledgement, and then what the client missed or the whole state (HUB-4). */
export class Opening<Socket extends object> {
  readonly #parts: ServingParts<Socket>;
  readonly #deadlines: Deadlines<Socket>;
  readonly #ports: OpeningPorts;

  constructor(parts: ServingParts<Socket>, deadlines: Deadlines<Socket>, ports: OpeningPorts) {
    this.#parts = parts;
    this.#deadlines = deadlines;
    this.#ports = ports;
  }

  /** How a connection with these options would start now. */
  decide(options: ConnectionOptions): ResumeDecision {
    this.#parts.store.trim(JOURNAL_BOUNDS, this.#ports.clock());
    return decideResume(options.resume, this.#parts.store.extent());
  }

  /** Whether one more session fits. */
  hasRoom(): boolean {
    return this.#parts.sessions.openCount < SOCKETS_PER_OBJECT;
  }

  /**
   * Opens a session: acknowledges, then sends what it missed or the whole state (HUB-4).
   * @param snapshot called when the whole state is sent
   */
  open(
    socket: Socket,
    identity: SessionIdentity,
    options: ConnectionOptions,
    snapshot: SnapshotSource,
  ): void {
    if (!this.hasRoom()) {
      this.#parts.delivery.end(socket, "overloaded");
      return;
    }
    const decision = this.decide(options);
    const { epoch, head } = this.#parts.store.extent();
    const session = new LiveSession(openRecord(identity, options, this.#ports.clock(), head), null);
    const whole =
      decision.kind === "snapshot" ? snapshot((audience) => session.mayRead(audience)) : null;
    // This transport reports what the client has taken, so the window applies from the start.
    if (options.transport !== undefined) session.credit.acknowledge(head, head);
    const acceptsPerSecond =
      this.#parts.sessions.waiting(socket) !== null
        ? UNAUTHENTICATED_ACCEPTS_PER_SECOND
        : ACCEPTS_PER_SECOND;
    const isNewUser = [...this.#parts.sessions.ofUser(identity.sub)].length === 0;
    const own = this.#parts.sessions.add(socket, session);
    if (own.length > SOCKETS_PER_USER && own[0] !== undefined) {
      this.#parts.delivery.end(own[0], "tooManySockets");
    }
    this.#deadlines.watchToken(session);
    this.#ports.onOpen(decision);

    this.#parts.delivery.send(
      socket,
      session,
      encodeFrame({
        v: PROTOCOL_VERSION,
        type: "ack",
        event: "auth.ok",
        guildId: this.#ports.guildId,
        connectionId: options.id,
        epoch,
        seq: Math.max(head, whole?.seq ?? 0),
        limits: LIMITS,
        retryWindowMs: retryWindowMs(this.#parts.sessions.openCount, acceptsPerSecond),
      }),
    );
    if (decision.kind === "resume") this.#parts.delivery.replay(socket, session, decision.from);
    else if (whole !== null) this.#sendSnapshot(socket, session, whole, decision.reason);
    if (isNewUser) this.#ports.onPresenceChange();
  }

  #sendSnapshot(
    socket: Socket,
    session: LiveSession,
    { seq, state }: SnapshotAt,
    reason: string,
  ): void {
    const { epoch, head, oldest } = this.#parts.store.extent();
    const v = PROTOCOL_VERSION;
    const presence = session.record.signals === true ? { presence: this.#ports.presence() } : {};
    session.record = { ...session.record, start: seq };
    this.#parts.sessions.startFrom(socket, session, seq);
    this.#parts.delivery.send(
      socket,
      session,
      JSON.stringify({ v, type: "snapshot", epoch, seq, reason, oldest, ...state, ...presence }),
    );
    // The state came from the hub, and more was published since.
    if (seq < head) this.#parts.delivery.catchUp(socket, session, seq);
  }
}

function openRecord(
  identity: SessionIdentity,
  options: ConnectionOptions,
  now: number,
  head: number,
): LiveSession["record"] {
  return {
    v: 1,
    state: "open",
    id: options.id,
    sub: identity.sub,
    grants: [...identity.grants],
    exp: identity.exp,
    ...(identity.iat === undefined ? {} : { iat: identity.iat }),
    warned: false,
    since: now,
    from: head,
    batch: options.batch,
    ...(options.signals === true ? { signals: true } : {}),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    bad: 0,
  };
}
