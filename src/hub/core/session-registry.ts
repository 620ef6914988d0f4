import type { Dialect } from "./dialect.ts";
import type { HubStore } from "./journal.ts";
import { dialectOf, type StreamKind } from "./stream-kind.ts";
import { LiveSession } from "./live-session.ts";
import { type Selector, SessionIndex } from "./session-index.ts";
import type { HubSockets, OpenSession } from "./session.ts";
import type { Audience } from "../publisher.ts";

/**
 * Who is connected. After a wake it is rebuilt from the attachments of the sockets (HUB-6). The maps save reading
 * those for each event.
 */
export class SessionRegistry<Socket extends object> {
  readonly #sockets: HubSockets<Socket>;
  readonly #store: HubStore;
  readonly #kind: StreamKind;
  readonly #live = new WeakMap<Socket, LiveSession>();
  #index: SessionIndex<Socket> | null = null;

  constructor(sockets: HubSockets<Socket>, store: HubStore, kind: StreamKind) {
    this.#sockets = sockets;
    this.#store = store;
    this.#kind = kind;
  }

  /** Open sessions. */
  get openCount(): number {
    return this.#indexed().open.size;
  }

  /** Open sessions that get one frame per event. */
  get unbatchedCount(): number {
    return this.#indexed().unbatched;
  }

  /** Open sessions that asked for signals. */
  get signalsCount(): number {
    return this.#indexed().signals;
  }

  /** Users with at least one open session. */
  get usersCount(): number {
    return this.#indexed().users.size;
  }

  /** Ids of the users with at least one open session. */
  userIds(): Iterable<string> {
    return this.#indexed().users.keys();
  }

  /** Users with an open session, and since when, milliseconds. */
  *users(): Generator<{ readonly userId: string; readonly since: number }> {
    for (const [userId, sessions] of this.#indexed().users) {
      yield {
        userId,
        since: Math.min(...[...sessions.values()].map(({ record }) => record.since)),
      };
    }
  }

  /** Every socket that has authenticated, with its session. */
  open(): ReadonlyMap<Socket, LiveSession> {
    return this.#indexed().open;
  }

  /** The open sessions that lag (HUB-10). */
  lagging(): ReadonlyMap<Socket, LiveSession> {
    return this.#indexed().lagging;
  }

  /** The open sessions that may read something of these audiences, each once (HUB-8). */
  readersOf(audiences: readonly Audience[]): ReadonlyMap<Socket, LiveSession> {
    return this.#indexed().readersOf(audiences);
  }

  /** The open sessions that a selector names. */
  selected(to: Selector): Iterable<readonly [Socket, LiveSession]> {
    return this.#indexed().selected(to);
  }

  /** All open sessions of one user. */
  ofUser(sub: string): ReadonlyMap<Socket, LiveSession> {
    return this.#indexed().users.get(sub) ?? new Map<Socket, LiveSession>();
  }

  /**
   * Those of some sessions that nothing was heard of since they opened, which was at `by` (milliseconds) or before:
   * no frame, and no ping. Their clients may have left without the runtime telling it (HUB-30). The oldest is first.
   */
  unheard(of: ReadonlyMap<Socket, LiveSession>, by: number): (readonly [Socket, LiveSession])[] {
    return [...of]
      .filter(
        ([socket, { record }]) =>
          record.since <= by &&
          record.transport === undefined &&
          record.heard === undefined &&
          this.#sockets.lastPingAt(socket) === null,
      )
      .toSorted(([, a], [, b]) => a.record.since - b.record.since);
  }

  /** A client has sent a frame. */
  hear(socket: Socket, session: LiveSession): void {
    const { transport, heard } = session.record;
    // Behind the others is the Worker, whose end of the socket closes.
    if (transport !== undefined || heard === true) return;
    session.record = { ...session.record, heard: true };
    this.save(socket, session);
  }

  /** The session of a socket that has authenticated, or null. */
  live(socket: Socket): LiveSession | null {
    const known = this.#live.get(socket);
    if (known !== undefined) return known;
    const record = this.#sockets.load(socket);
    const dialect = record === null ? null : dialectOf(this.#kind, record);
    if (record === null || dialect === null) return null;
    const { limits } = this.#kind;
    const session = new LiveSession(record, this.#store.readFilter(record.id), { dialect, limits });
    this.#live.set(socket, session);
    return session;
  }

  /** The session of a socket whose close is handled, also if that close has woken the object. */
  leaving(socket: Socket): LiveSession | null {
    const known = this.live(socket);
    if (known !== null) return known;
    const record = this.#sockets.loadClosing(socket);
    const dialect = record === null ? null : dialectOf(this.#kind, record);
    if (record === null || dialect === null) return null;
    return new LiveSession(record, null, { dialect, limits: this.#kind.limits });
  }

  /** What a socket speaks. One whose record is unknown is treated as if it had named nothing. */
  dialectOf(socket: Socket): Dialect {
    const known = this.#live.get(socket);
    if (known !== undefined) return known.dialect;
    const record = this.#sockets.load(socket);
    const dialect = record === null ? null : dialectOf(this.#kind, record);
    return dialect ?? this.#kind.dialects[0];
  }

  /**
   * Adds a session that has authenticated. Its record is written later in the same turn, by its start.
   * @returns all sockets of that user, the oldest first
   */
  add(socket: Socket, session: LiveSession): Socket[] {
    const index = this.#indexed();
    this.#live.set(socket, session);
    index.add(socket, session);
    return [...this.ofUser(session.record.sub)]
      .toSorted(([, a], [, b]) => a.record.since - b.record.since)
      .map(([own]) => own);
  }

  /** Writes the attachment of an open session. */
  save(socket: Socket, session: LiveSession): void {
    this.#sockets.save(socket, session.record);
  }

  /** Gives an open session a changed record. */
  change(socket: Socket, session: LiveSession, record: OpenSession): void {
    session.record = record;
    const { open, lagging } = this.#indexed();
    if (record.lagging === undefined) lagging.delete(socket);
    else if (open.has(socket)) lagging.set(socket, session);
    this.save(socket, session);
  }

  /** Gives an open session the grants of a newer token. */
  renew(socket: Socket, session: LiveSession, record: OpenSession): void {
    this.#indexed().regrant(socket, session, () => session.renew(record));
    this.save(socket, session);
  }

  /** A session begins with the state at `seq`: it gets the events after it. */
  startFrom(socket: Socket, session: LiveSession, seq: number): void {
    session.lastSent = seq;
    session.record = { ...session.record, from: seq };
    this.save(socket, session);
  }

  /** Forgets a socket. Idempotent. */
  remove(socket: Socket): void {
    const index = this.#indexed();
    const session = this.live(socket);
    if (session === null) return;
    session.ended = true;
    index.remove(socket);
    this.#store.writeFilter(session.record.id, null);
  }

  #indexed(): SessionIndex<Socket> {
    if (this.#index !== null) return this.#index;
    const index = new SessionIndex<Socket>();
    for (const socket of this.#sockets.all()) {
      const session = this.live(socket);
      if (session !== null) index.add(socket, session);
    }
    this.#index = index;
    return index;
  }
}
