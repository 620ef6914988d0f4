import type { CloseName } from "../../protocol/close-codes.ts";
import type { RevocationTarget } from "../../protocol/hub-report.ts";
import { ACCEPTS_BURST, ACCEPTS_PER_SECOND } from "../../protocol/limits.ts";
import type { Signal } from "../publisher.ts";
import { AcceptRate } from "./accept-rate.ts";
import { ClosingSockets } from "./closing-sockets.ts";
import { Deadlines } from "./deadlines.ts";
import { Direct } from "./direct.ts";
import type { After } from "./batch-window.ts";
import { Delivery } from "./delivery.ts";
import {
  type ConnectionOptions,
  FrameIntake,
  type Said,
  type TokenRequest,
} from "./frame-intake.ts";
import { Flow } from "./flow.ts";
import type { Entry, HubStore } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";
import { dialectOf, type Spoken } from "./stream-kind.ts";
import { Owed } from "./owed.ts";
import { Opening, type OpeningPorts, type SnapshotSource } from "./opening.ts";
import type { ResumeDecision } from "./resume.ts";
import { SessionRegistry } from "./session-registry.ts";
import { SessionSender } from "./session-sender.ts";
import { type HubSockets, isTooLarge, type SessionIdentity } from "./session.ts";
import { presenceSignal, Signals } from "./signals.ts";

/** What a stream server is built from. Clock and timers are passed in, so that it is deterministic. */
export type StreamPorts<Socket extends object> = OpeningPorts & {
  readonly store: HubStore;
  readonly sockets: HubSockets<Socket>;
  readonly after: After;
  /** A socket is closed by us. */
  readonly onEnd: (code: number) => void;
  /** A client has begun to lag. */
  readonly onLag: () => void;
  /** A session is no longer served, whoever closed it. @param code of the close */
  readonly onGone: (session: LiveSession, code: number) => void;
};

/**
 * Serves a hub's journal to sockets: sessions, resume, fan-out, flow control. A hub has one, and each relay has
 * one. It knows neither features nor Workers. `src/hub/SPEC.md` numbers its rules.
 */
export class StreamServer<Socket extends object> {
  readonly #ports: StreamPorts<Socket>;
  readonly #store: HubStore;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #sender: SessionSender<Socket>;
  readonly #delivery: Delivery<Socket>;
  readonly #frames: FrameIntake<Socket>;
  readonly #deadlines: Deadlines<Socket>;
  readonly #signals: Signals<Socket>;
  readonly #opening: Opening<Socket>;
  /** Reaches some sessions outside of the sequence of events. */
  readonly direct: Direct<Socket>;
  readonly #closing: ClosingSockets<Socket>;
  readonly #accepts = new AcceptRate(ACCEPTS_BURST, ACCEPTS_PER_SECOND);

  constructor(ports: StreamPorts<Socket>) {
    const { store, sockets, clock, after, onEnd, kind } = ports;
    this.#ports = ports;
    this.#store = store;
    const sessions = new SessionRegistry(sockets, store, kind);
    const flow = new Flow({ sockets, sessions, store, kind });
    this.#closing = new ClosingSockets(kind.limits);
    const sender = new SessionSender({
      sockets,
      sessions,
      flow,
      closing: this.#closing,
      clock,
      onEnd: (code) => {
        onEnd(code);
        ports.onPresenceChange();
      },
      onGone: ports.onGone,
    });
    const owed = new Owed({ sender, flow, clock, after });
    const delivery = new Delivery({
      sessions,
      sender,
      flow,
      store,
      clock,
      after,
      onLag: ports.onLag,
      onCaughtUp: (socket, session, hasResumed) => {
        this.#signals.catchUp(socket, session);
        if (hasResumed && session.record.signals === true) this.#tellPresence(socket, session);
        owed.pump(socket, session);
      },
    });
    this.#sessions = sessions;
    this.#sender = sender;
    this.#delivery = delivery;
    this.#signals = new Signals((socket, session, text) =>
      delivery.sendSignal(socket, session, text),
    );
    const parts = { sockets, sessions, sender, delivery, owed, store, kind, clock };
    this.#frames = new FrameIntake(parts);
    this.direct = new Direct(parts);
    this.#deadlines = new Deadlines(parts);
    this.#opening = new Opening(parts, this.#deadlines, ports);
  }

  /** Sends entries that were appended to the journal. */
  broadcast(entries: readonly Entry[]): void {
    this.#delivery.broadcast(entries);
  }

  /** Sends a signal (HUB-15). */
  signal(signal: Signal): void {
    this.#signals.broadcast(signal, this.#whoAskedForSignals(signal));
  }

  /** Whether any session asked for signals. */
  get hasSignalReaders(): boolean {
    return this.#sessions.signalsCount > 0;
  }

  /** Whether one more client may connect now. Each call counts as one (hub.md, deploy). */
  accepts(): boolean {
    return this.#accepts.take(this.#ports.clock());
  }

  /** Takes back the count of a client that was refused afterwards, for example for a used ticket, or has left. */
  notAccepted(): void {
    this.#accepts.giveBack();
  }

  /** Whether hubs of this kind speak a dialect. */
  speaks(spoken: Spoken): boolean {
    return dialectOf(this.#ports.kind, spoken) !== null;
  }

  /** Whether one more session of a user fits, also beside the sockets that we closed and that are not gone (HUB-10). */
  hasPlace(sub: string): boolean {
    return this.#opening.hasPlace() && !this.#closing.isOver(sub);
  }

  /** How a connection with these options would start now. */
  decide(options: ConnectionOptions): ResumeDecision {
    return this.#opening.decide(options);
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
    this.#opening.open(socket, identity, options, snapshot);
  }

  /**
   * Takes one frame of a client (HUB-9).
   * @returns a token to verify before {@link renew}, something for an extension, or null
   */
  message(socket: Socket, data: string | ArrayBuffer): TokenRequest | Said | null {
    return this.#frames.take(socket, data);
  }

  /** Replaces the token of a session by a newer one of the same user (HUB-7). */
  renew(socket: Socket, identity: SessionIdentity): void {
    const session = this.#sessions.live(socket);
    if (session === null || session.ended) return;
    if (identity.sub !== session.record.sub) {
      this.#frames.refuse(socket, session, "other_subject");
      return;
    }
    if (isTooLarge({ ...session.record, grants: [...identity.grants] })) {
      this.#sender.end(socket, "forbidden");
      return;
    }
    this.#delivery.settle(socket, session);
    if (session.ended) return;
    this.#sessions.renew(socket, session, {
      ...session.record,
      grants: [...identity.grants],
      exp: identity.exp,
      warned: false,
      ...(identity.iat === undefined ? {} : { iat: identity.iat }),
    });
    this.#deadlines.watchToken(session);
    this.#sender.send(socket, session, session.dialect.renewed(identity.exp));
  }

  /**
   * Answers a newer token that was refused. The socket keeps its present token when the new one is invalid, and is
   * closed when the new one does not allow this hub.
   */
  tokenRefused(
    socket: Socket,
    why: Extract<CloseName, "unauthorized" | "forbidden" | "overloaded">,
  ): void {
    const session = this.#sessions.live(socket);
    if (session === null || why === "forbidden") this.#sender.end(socket, why);
    else if (why === "unauthorized") this.#frames.refuse(socket, session, "invalid_token");
    else this.#frames.refuse(socket, session, "token_not_checked");
  }

  /** Closes the sockets that a revocation concerns. @returns how many (HUB-14) */
  revoke(target: RevocationTarget, at: number): number {
    let closed = 0;
    const ofUser = "sub" in target;
    const sessions = ofUser ? this.#sessions.ofUser(target.sub) : this.#sessions.open();
    for (const [socket, { record }] of sessions) {
      const { id, iat } = record;
      const isConcerned = ofUser
        ? iat === undefined || iat * 1000 <= at
        : id === target.connectionId;
      if (!isConcerned) continue;
      this.#sender.end(socket, "unauthorized");
      closed += 1;
    }
    return closed;
  }

  /** Whether a user's tokens of that age were revoked (HUB-14). */
  isRevoked(identity: Pick<SessionIdentity, "sub" | "iat">): boolean {
    const at = this.#store.readRevokedAt(identity.sub, this.#ports.clock());
    return at !== null && (identity.iat === undefined || identity.iat * 1000 <= at);
  }

  /** Closes that many sockets with 1012, so that their clients resume elsewhere. */
  sendAway(count: number): void {
    let left = count;
    for (const socket of this.#sockets()) {
      if (left === 0) return;
      const session = this.#sessions.live(socket);
      if (session?.ended === true) continue;
      this.#sender.end(socket, "restart");
      left -= 1;
    }
  }

  /** Closes all sockets with 1012, because another journal replaces this one. */
  startOver(): void {
    this.sendAway(Number.POSITIVE_INFINITY);
    this.#delivery.forget();
  }

  /** A socket is gone. @param code of the close. @returns whether we had not closed it ourselves */
  closed(socket: Socket, code: number): boolean {
    const session = this.#sessions.leaving(socket);
    const served = session !== null && !session.ended;
    if (served) this.#ports.onGone(session, code);
    this.#sessions.remove(socket);
    this.#sender.gone(socket);
    if (served) this.#ports.onPresenceChange();
    return served;
  }

  /** Events sent to all sockets since the last call. */
  takeDelivered(): number {
    return this.#sender.takeDelivered();
  }

  /** Closes sockets whose token has expired, and warns those whose token expires soon (HUB-7). */
  checkDeadlines(): void {
    this.#deadlines.check();
  }

  /** Checks the clients that lag (HUB-10). */
  checkLagging(): void {
    this.#delivery.checkLagging();
  }

  /** Who is connected here. */
  get sessions(): SessionRegistry<Socket> {
    return this.#sessions;
  }

  /** Closes a socket, and sends nothing more to it. */
  end(socket: Socket, why: CloseName): void {
    this.#sender.end(socket, why);
  }

  /** A client that resumes has missed signals, so it is told who is connected. */
  #tellPresence(socket: Socket, session: LiveSession): void {
    const { hub, kind, presence, clock } = this.#ports;
    const signal = presenceSignal(kind.presencePayload(hub, presence()), clock());
    this.#sender.send(socket, session, session.dialect.signal(signal));
  }

  #sockets(): Socket[] {
    return [...this.#ports.sockets.all()];
  }

  *#whoAskedForSignals({ audience }: Signal): Generator<readonly [Socket, LiveSession]> {
    if (this.#sessions.signalsCount === 0) return;
    for (const reader of this.#sessions.readersOf([audience])) {
      if (reader[1].record.signals === true) yield reader;
    }
  }
}
