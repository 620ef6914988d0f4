import type { Clock } from "../../platform/clock.ts";
import type { Result } from "../../platform/result.ts";
import { UNHEARD_GIVES_WAY_MS } from "../../protocol/limits.ts";
import type { Presence } from "../../protocol/frames.ts";
import type { Audience } from "../publisher.ts";
import { retryWindowMs } from "./accept-rate.ts";
import type { Deadlines } from "./deadlines.ts";
import type { ServingParts } from "./serving-parts.ts";
import type { Dialect, Opened, TurnedAway, Whole } from "./dialect.ts";
import type { ConnectionOptions } from "./frame-intake.ts";
import { dialectOf, type StreamKind } from "./stream-kind.ts";
import { LiveSession } from "./live-session.ts";
import { decideResume, type ResumeDecision } from "./resume.ts";
import { isTooLarge, type OpenSession, type SessionIdentity } from "./session.ts";

/** The whole state at a seq, as far as one reader may see it. */
export type SnapshotAt = { readonly seq: number; readonly state: Record<string, unknown> };

/** Makes the whole state for a reader. */
export type SnapshotSource = (mayRead: (audience: Audience) => boolean) => SnapshotAt;

/** Grants beside those of a token, by the extension's name; undefined: no extension gives any. */
type ExtraGrants = OpenSession["extra"];

/** Whether extensions let a client connect, and the grants that they give it beside those of its token. */
export type Admit = (
  client: Pick<OpenSession, "id" | "sub" | "scope">,
) => Result<ExtraGrants, TurnedAway>;

/** What opening a session needs from outside. */
export type OpeningPorts = {
  /** Name of the hub. */
  readonly hub: string;
  readonly kind: StreamKind;
  readonly clock: Clock;
  /**
   * How many sockets this object will hold for sure; 0: as many as now. The first clients of a large hub would
   * otherwise spread their reconnects over too short a time.
   */
  readonly plannedSockets: () => number;
  /** Who is connected to the hub, relays included. */
  readonly presence: () => Presence;
  /** Users have come or gone. */
  readonly onPresenceChange: () => void;
  /** A client has connected; `decision` is how it starts. */
  readonly onOpen: (decision: ResumeDecision) => void;
  /** Its session has begun, and the first frames are sent. */
  readonly onOpened: (session: LiveSession) => void;
  /** Whether the extensions let a client connect, and the grants that they give it. */
  readonly admit: Admit;
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
    const { kind, clock } = this.#ports;
    this.#parts.store.trim(kind.journal, clock());
    return decideResume(options.resume, this.#parts.store.extent());
  }

  /** Whether one more session fits. */
  hasPlace(): boolean {
    return this.#parts.sessions.openCount < this.#ports.kind.limits.sockets;
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
    const { kind, hub, clock, presence } = this.#ports;
    const { limits } = kind;
    const dialect = dialectOf(kind, options) ?? kind.dialects[0];
    if (!this.hasPlace()) {
      this.#parts.sender.end(socket, "overloaded", dialect);
      return;
    }
    this.#makePlace(identity.sub);
    const decision = this.decide(options);
    const { epoch, head, oldest } = this.#parts.store.extent();
    const record = openRecord(identity, options, dialect, clock(), head);
    const admitted = this.#ports.admit(record);
    if (!admitted.ok) {
      this.#parts.sender.turnAway(socket, admitted.error, { dialect, sub: identity.sub });
      return;
    }
    if (admitted.value !== undefined) record.extra = admitted.value;
    const session = new LiveSession(record, null, { dialect, limits });
    if (isTooLarge(record)) {
      this.#parts.sender.end(socket, "forbidden", dialect);
      return;
    }
    const whole =
      decision.kind === "snapshot" ? snapshot((audience) => session.mayRead(audience)) : null;
    const base = baseOf(dialect, options, whole);
    if (base !== 0) session.record = { ...session.record, base };
    const isNewUser = this.#parts.sessions.ofUser(identity.sub).size === 0;
    const own = this.#parts.sessions.add(socket, session);
    if (own.length > limits.socketsPerUser && own[0] !== undefined) {
      this.#parts.sender.end(own[0], "tooManySockets");
    }
    this.#deadlines.watchToken(session);
    this.#ports.onOpen(decision);

    const at: Opened = {
      hub,
      connectionId: options.id,
      scope: identity.scope ?? null,
      now: clock(),
      epoch,
      head: Math.max(head, whole?.seq ?? 0),
      base,
      resumes: decision.kind === "resume",
      limits,
      retryWindowMs: retryWindowMs(
        Math.max(this.#parts.sessions.openCount, this.#ports.plannedSockets()),
      ),
    };
    this.#parts.sender.send(socket, session, dialect.opened(at));
    if (decision.kind === "resume") this.#parts.delivery.replay(socket, session, decision.from);
    else if (whole !== null) {
      const { reason } = decision;
      const here = session.record.signals === true ? { presence: presence() } : {};
      this.#sendSnapshot(socket, session, at, { ...whole, reason, oldest, ...here });
    }
    if (isNewUser) this.#ports.onPresenceChange();
    this.#ports.onOpened(session);
  }

  /** At the limit of a user: closes a socket of theirs whose client may have left unnoticed (HUB-30). */
  #makePlace(sub: string): void {
    const { kind, clock } = this.#ports;
    const { sessions, sender } = this.#parts;
    const own = sessions.ofUser(sub);
    if (own.size < kind.limits.socketsPerUser) return;
    const [longest] = sessions.unheard(own, clock() - UNHEARD_GIVES_WAY_MS);
    if (longest !== undefined) sender.end(longest[0], "tooManySockets");
  }

  #sendSnapshot(socket: Socket, session: LiveSession, at: Opened, whole: Whole): void {
    const { seq } = whole;
    session.record = { ...session.record, start: seq };
    this.#parts.sessions.startFrom(socket, session, seq);
    this.#parts.sender.send(socket, session, session.dialect.snapshot?.(at, whole) ?? null);
    // The state came from the hub, and more was published since.
    if (seq < this.#parts.store.extent().head) this.#parts.delivery.catchUp(socket, session, seq);
  }
}

/** The state is the first frame with a number. A resumed connection goes on with the numbers that it had. */
function baseOf(dialect: Dialect, { resume }: ConnectionOptions, whole: SnapshotAt | null): number {
  if (dialect.firstNumber === null) return 0;
  return whole === null ? (resume.base ?? 0) : whole.seq - dialect.firstNumber;
}

function openRecord(
  identity: SessionIdentity,
  options: ConnectionOptions,
  dialect: Dialect,
  now: number,
  head: number,
): LiveSession["record"] {
  return {
    v: 1,
    state: "open",
    id: options.id,
    sub: identity.sub,
    grants: [...identity.grants],
    ...(identity.scope === undefined ? {} : { scope: identity.scope }),
    exp: identity.exp,
    ...(identity.iat === undefined ? {} : { iat: identity.iat }),
    warned: false,
    since: now,
    from: head,
    batch: options.batch && dialect.batch !== undefined,
    ...(options.dialect === undefined ? {} : { dialect: options.dialect }),
    ...(options.signals === true ? { signals: true } : {}),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    bad: 0,
  };
}
