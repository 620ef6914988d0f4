import type { Clock } from "../../platform/clock.ts";
import type { HubStore } from "./journal.ts";
import { LiveSession } from "./live-session.ts";
import type { WaitingSession } from "./session.ts";
import type { HubSockets } from "./sockets.ts";

/**
 * Who is connected. Everything here is found again after a wake from what the sockets carry (HUB-6);
 * the maps only spare reading it for each event.
 */
export class SessionRegistry<Socket extends object> {
  readonly #sockets: HubSockets<Socket>;
  readonly #store: HubStore;
  readonly #clock: Clock;
  readonly #live = new WeakMap<Socket, LiveSession>();
  readonly #waiting = new WeakMap<Socket, WaitingSession>();
  #index: SessionIndex<Socket> | null = null;

  constructor(sockets: HubSockets<Socket>, store: HubStore, clock: Clock) {
    this.#sockets = sockets;
    this.#store = store;
    this.#clock = clock;
  }

  /** Sockets that have authenticated. */
  get openCount(): number {
    return this.#indexed().open;
  }

  /** Those of them that get one frame per event. */
  get unbatchedCount(): number {
    return this.#indexed().unbatched;
  }

  /** Sockets that wait for their `auth` frame. */
  get waitingCount(): number {
    return this.#indexed().waiting;
  }

  /** The session of a socket that has authenticated, or null. */
  live(socket: Socket): LiveSession | null {
    const known = this.#live.get(socket);
    if (known !== undefined) return known;
    if (this.#waiting.has(socket)) return null;
    const record = this.#sockets.load(socket);
    if (record === null) return null;
    if (record.state === "waiting") {
      this.#waiting.set(socket, record);
      return null;
    }
    const session = new LiveSession(record, this.#store.readFilter(record.id), this.#clock());
    this.#live.set(socket, session);
    return session;
  }

  /** The record of a socket that has not authenticated, or null. */
  waiting(socket: Socket): WaitingSession | null {
    return this.live(socket) === null ? (this.#waiting.get(socket) ?? null) : null;
  }

  /** Takes a socket that waits, or the changed record of one. */
  saveWaiting(socket: Socket, record: WaitingSession): void {
    const index = this.#indexed();
    if (!this.#waiting.has(socket)) index.waiting += 1;
    this.#waiting.set(socket, record);
    this.#sockets.save(socket, record);
  }

  /** Takes a session that has authenticated. @returns all sockets of that user, the oldest first */
  add(socket: Socket, session: LiveSession): Socket[] {
    const index = this.#indexed();
    if (this.#waiting.delete(socket)) index.waiting -= 1;
    this.#live.set(socket, session);
    this.save(socket, session);
    index.open += 1;
    if (!session.record.batch) index.unbatched += 1;
    const own = index.byUser.get(session.record.sub) ?? new Set();
    index.byUser.set(session.record.sub, own.add(socket));
    return [...own].toSorted((a, b) => this.#since(a) - this.#since(b));
  }

  /** Writes what an open session carries through hibernation. */
  save(socket: Socket, session: LiveSession): void {
    this.#sockets.save(socket, session.record);
  }

  /** A session has seen what it may see up to `seq`: what was sent from here on follows that. */
  startFrom(socket: Socket, session: LiveSession, seq: number): void {
    session.lastSent = seq;
    session.record = { ...session.record, from: seq };
    this.save(socket, session);
  }

  /** Forgets a socket. Idempotent. */
  remove(socket: Socket): void {
    const index = this.#indexed();
    if (this.waiting(socket) !== null) {
      if (this.#waiting.delete(socket)) index.waiting -= 1;
      return;
    }
    const session = this.live(socket);
    if (session === null) return;
    session.ended = true;
    const own = index.byUser.get(session.record.sub);
    if (own?.delete(socket) === true) {
      index.open -= 1;
      if (!session.record.batch) index.unbatched -= 1;
    }
    if (own?.size === 0) index.byUser.delete(session.record.sub);
    this.#store.writeFilter(session.record.id, null);
  }

  #since(socket: Socket): number {
    return this.live(socket)?.record.since ?? 0;
  }

  #indexed(): SessionIndex<Socket> {
    if (this.#index !== null) return this.#index;
    const index: SessionIndex<Socket> = { byUser: new Map(), open: 0, unbatched: 0, waiting: 0 };
    for (const socket of this.#sockets.all()) {
      const session = this.live(socket);
      if (session === null) {
        if (this.#waiting.has(socket)) index.waiting += 1;
        continue;
      }
      index.open += 1;
      if (!session.record.batch) index.unbatched += 1;
      const { sub } = session.record;
      index.byUser.set(sub, (index.byUser.get(sub) ?? new Set()).add(socket));
    }
    this.#index = index;
    return index;
  }
}

type SessionIndex<Socket> = {
  readonly byUser: Map<string, Set<Socket>>;
  open: number;
  unbatched: number;
  waiting: number;
};
