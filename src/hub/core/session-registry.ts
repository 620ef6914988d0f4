import type { Dialect } from "./dialect.ts";
import type { HubStore } from "./journal.ts";
import { dialectOf, type StreamKind } from "./kind.ts";
import { LiveSession } from "./live-session.ts";
import { type Selector, SessionIndex } from "./session-index.ts";
import type { HubSockets, OpenSession, WaitingSession } from "./session.ts";
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
  readonly #waiting = new WeakMap<Socket, WaitingSession>();
  #index: SessionIndex<Socket> | null = null;

  constructor(sockets: HubSockets<Socket>, store: HubStore, kind: StreamKind) {
    this.#sockets = sockets;
    this.#store = store;
    this.#kind = kind;
  }

  /** Sockets that have authenticated. */
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

  /** Whether a connection with this id waits for its `auth` frame. */
  hasWaiting(connectionId: string): boolean {
    for (const socket of this.#sockets.all()) {
      if (this.waiting(socket)?.id === connectionId) return true;
    }
    return false;
  }

  /** All open sessions of one user. */
  ofUser(sub: string): ReadonlyMap<Socket, LiveSession> {
    return this.#indexed().users.get(sub) ?? new Map<Socket, LiveSession>();
  }

  /** Sockets that wait for their `auth` frame. */
  get waitingCount(): number {
    return this.#indexed().waiting;
  }

  /** Waiting sockets from this address. */
  waitingFrom(address: string): number {
    return this.#indexed().waitingFrom(address);
  }

  /** The session of a socket that has authenticated, or null. */
  live(socket: Socket): LiveSession | null {
    const known = this.#live.get(socket);
    if (known !== undefined) return known;
    if (this.#waiting.has(socket)) return null;
    const record = this.#sockets.load(socket);
    const dialect = record === null ? null : dialectOf(this.#kind, record.dialect);
    if (record === null || dialect === null) return null;
    if (record.state === "waiting") {
      this.#waiting.set(socket, record);
      return null;
    }
    const { limits } = this.#kind;
    const session = new LiveSession(record, this.#store.readFilter(record.id), { dialect, limits });
    this.#live.set(socket, session);
    return session;
  }

  /** The session of a socket whose close is handled, also if that close has woken the object. */
  leaving(socket: Socket): LiveSession | null {
    const known = this.live(socket);
    if (known !== null || this.#waiting.has(socket)) return known;
    const record = this.#sockets.loadClosing(socket);
    const dialect = record === null ? null : dialectOf(this.#kind, record.dialect);
    if (record?.state !== "open" || dialect === null) return null;
    return new LiveSession(record, null, { dialect, limits: this.#kind.limits });
  }

  /** What a socket speaks. One whose record is unknown is treated as if it had named nothing. */
  dialectOf(socket: Socket): Dialect {
    const known = this.#live.get(socket);
    if (known !== undefined) return known.dialect;
    const record = this.#waiting.get(socket) ?? this.#sockets.load(socket);
    return dialectOf(this.#kind, record?.dialect) ?? this.#kind.dialects[0];
  }

  /** The record of a socket that has not authenticated, or null. */
  waiting(socket: Socket): WaitingSession | null {
    return this.live(socket) === null ? (this.#waiting.get(socket) ?? null) : null;
  }

  /** Adds a waiting socket, or changes its record. */
  saveWaiting(socket: Socket, record: WaitingSession): void {
    const index = this.#indexed();
    if (!this.#waiting.has(socket)) index.countWaiting(record, 1);
    this.#waiting.set(socket, record);
    this.#sockets.save(socket, record);
  }

  /**
   * Adds a session that has authenticated. Its record is written later in the same turn, by its start.
   * @returns all sockets of that user, the oldest first
   */
  add(socket: Socket, session: LiveSession): Socket[] {
    const index = this.#indexed();
    this.#forgetWaiting(socket);
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
    if (this.waiting(socket) !== null) {
      this.#forgetWaiting(socket);
      return;
    }
    const session = this.live(socket);
    if (session === null) return;
    session.ended = true;
    index.remove(socket);
    this.#store.writeFilter(session.record.id, null);
  }

  #forgetWaiting(socket: Socket): void {
    const record = this.#waiting.get(socket);
    if (record !== undefined) this.#indexed().countWaiting(record, -1);
    this.#waiting.delete(socket);
  }

  #indexed(): SessionIndex<Socket> {
    if (this.#index !== null) return this.#index;
    const index = new SessionIndex<Socket>();
    for (const socket of this.#sockets.all()) {
      const session = this.live(socket);
      const waiting = this.#waiting.get(socket);
      if (session !== null) index.add(socket, session);
      else if (waiting !== undefined) index.countWaiting(waiting, 1);
    }
    this.#index = index;
    return index;
  }
}
