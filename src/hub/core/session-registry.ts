import type { Dialect } from "./dialect.ts";
import type { HubStore } from "./journal.ts";
import { dialectOf, type StreamKind } from "./kind.ts";
import { LiveSession } from "./live-session.ts";
import type { HubSockets, OpenSession, WaitingSession } from "./session.ts";

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
    return this.#indexed().open;
  }

  /** Open sessions that get one frame per event. */
  get unbatchedCount(): number {
    return this.#indexed().unbatched;
  }

  /** Open sessions that lag (HUB-10). */
  get laggingCount(): number {
    return this.#indexed().lagging.size;
  }

  /** Open sessions that asked for signals. */
  get signalsCount(): number {
    return this.#indexed().signals;
  }

  /** Users with at least one open session. */
  get usersCount(): number {
    return this.#indexed().byUser.size;
  }

  /** Users with an open session, and since when, milliseconds. */
  *users(): Generator<{ readonly userId: string; readonly since: number }> {
    for (const [userId, sockets] of this.#indexed().byUser) {
      yield { userId, since: Math.min(...[...sockets].map((socket) => this.#since(socket))) };
    }
  }

  /** Every socket that has authenticated, with its session. */
  *open(): Generator<readonly [Socket, LiveSession]> {
    for (const socket of this.#sockets.all()) {
      const session = this.live(socket);
      if (session !== null && !session.ended) yield [socket, session];
    }
  }

  /** Whether a connection with this id waits for its `auth` frame. */
  hasWaiting(connectionId: string): boolean {
    for (const socket of this.#sockets.all()) {
      if (this.waiting(socket)?.id === connectionId) return true;
    }
    return false;
  }

  /** All sockets of one user. */
  ofUser(sub: string): Iterable<Socket> {
    return this.#indexed().byUser.get(sub) ?? [];
  }

  /** Sockets that wait for their `auth` frame. */
  get waitingCount(): number {
    return this.#indexed().waiting;
  }

  /** Waiting sockets from this address. */
  waitingFrom(address: string): number {
    return this.#indexed().waitingBy.get(address) ?? 0;
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
    if (!this.#waiting.has(socket)) countWaiting(index, record, 1);
    this.#waiting.set(socket, record);
    this.#sockets.save(socket, record);
  }

  /**
   * Adds a session that has authenticated. Its record is written later in the same turn, by its start.
   * @returns all sockets of that user, the oldest first
   */
  add(socket: Socket, session: LiveSession): Socket[] {
    const index = this.#indexed();
    this.#forgetWaiting(index, socket);
    this.#live.set(socket, session);
    this.#countIn(index, session, 1);
    const own = index.byUser.get(session.record.sub) ?? new Set();
    index.byUser.set(session.record.sub, own.add(socket));
    return [...own].toSorted((a, b) => this.#since(a) - this.#since(b));
  }

  /** Writes the attachment of an open session. */
  save(socket: Socket, session: LiveSession): void {
    this.#sockets.save(socket, session.record);
  }

  /** Gives an open session a changed record. */
  change(socket: Socket, session: LiveSession, record: OpenSession): void {
    session.record = record;
    const { lagging } = this.#indexed();
    if (record.lagging === undefined) lagging.delete(socket);
    else lagging.add(socket);
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
      this.#forgetWaiting(index, socket);
      return;
    }
    const session = this.live(socket);
    if (session === null) return;
    session.ended = true;
    const own = index.byUser.get(session.record.sub);
    if (own?.delete(socket) === true) this.#countIn(index, session, -1);
    index.lagging.delete(socket);
    if (own?.size === 0) index.byUser.delete(session.record.sub);
    this.#store.writeFilter(session.record.id, null);
  }

  #forgetWaiting(index: SessionIndex<Socket>, socket: Socket): void {
    const record = this.#waiting.get(socket);
    if (record !== undefined) countWaiting(index, record, -1);
    this.#waiting.delete(socket);
  }

  #countIn(index: SessionIndex<Socket>, { record }: LiveSession, by: 1 | -1): void {
    index.open += by;
    if (!record.batch) index.unbatched += by;
    if (record.signals === true) index.signals += by;
  }

  #since(socket: Socket): number {
    return this.live(socket)?.record.since ?? 0;
  }

  #indexed(): SessionIndex<Socket> {
    if (this.#index !== null) return this.#index;
    const index: SessionIndex<Socket> = {
      byUser: new Map(),
      lagging: new Set(),
      open: 0,
      unbatched: 0,
      signals: 0,
      waiting: 0,
      waitingBy: new Map(),
    };
    for (const socket of this.#sockets.all()) {
      const session = this.live(socket);
      if (session === null) {
        const waiting = this.#waiting.get(socket);
        if (waiting !== undefined) countWaiting(index, waiting, 1);
        continue;
      }
      this.#countIn(index, session, 1);
      if (session.isLagging) index.lagging.add(socket);
      const { sub } = session.record;
      index.byUser.set(sub, (index.byUser.get(sub) ?? new Set()).add(socket));
    }
    this.#index = index;
    return index;
  }
}

function countWaiting(
  index: Pick<SessionIndex<unknown>, "waiting" | "waitingBy">,
  { address }: WaitingSession,
  by: 1 | -1,
): void {
  index.waiting += by;
  if (address === undefined) return;
  const count = (index.waitingBy.get(address) ?? 0) + by;
  if (count === 0) index.waitingBy.delete(address);
  else index.waitingBy.set(address, count);
}

type SessionIndex<Socket> = {
  readonly byUser: Map<string, Set<Socket>>;
  /** How many wait, by address. */
  readonly waitingBy: Map<string, number>;
  readonly lagging: Set<Socket>;
  open: number;
  unbatched: number;
  signals: number;
  waiting: number;
};
