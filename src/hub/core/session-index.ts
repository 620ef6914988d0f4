import type { Audience } from "../publisher.ts";
import type { LiveSession } from "./live-session.ts";

/** Some sessions of a hub: one connection, some of them, those with a grant, or all; perhaps without one connection. */
export type Selector =
  | { readonly connection: string }
  | { readonly connections: readonly string[] }
  | { readonly grant: string; readonly except?: string }
  | { readonly all: true; readonly except?: string };

/** Sessions with their sockets. */
type Sessions<Socket> = Map<Socket, LiveSession>;

/**
 * The sessions of one object, by what is asked for: by grant, so that an event for a few of many sessions costs as
 * much as those few (HUB-8), by user, and counts. It is rebuilt after each wake.
 */
export class SessionIndex<Socket extends object> {
  /** Every session that is open. */
  readonly open: Sessions<Socket> = new Map();
  /** Those of them that lag (HUB-10). */
  readonly lagging: Sessions<Socket> = new Map();
  readonly #byUser = new Map<string, Sessions<Socket>>();
  readonly #byGrant = new Map<string, Sessions<Socket>>();
  readonly #byId = new Map<string, readonly [Socket, LiveSession]>();
  #unbatched = 0;
  #signals = 0;

  /** Open sessions that get one frame per event. */
  get unbatched(): number {
    return this.#unbatched;
  }

  /** Open sessions that asked for signals. */
  get signals(): number {
    return this.#signals;
  }

  /** The open sessions of each user. */
  get users(): ReadonlyMap<string, ReadonlyMap<Socket, LiveSession>> {
    return this.#byUser;
  }

  add(socket: Socket, session: LiveSession): void {
    this.open.set(socket, session);
    if (session.isLagging) this.lagging.set(socket, session);
    this.#byId.set(session.record.id, [socket, session]);
    put(this.#byUser, session.record.sub, socket, session);
    for (const grant of session.grants) put(this.#byGrant, grant, socket, session);
    this.#count(session, 1);
  }

  /** Removes a session. Idempotent. */
  remove(socket: Socket): void {
    const session = this.open.get(socket);
    if (session === undefined) return;
    this.open.delete(socket);
    this.lagging.delete(socket);
    this.#byId.delete(session.record.id);
    take(this.#byUser, session.record.sub, socket);
    for (const grant of session.grants) take(this.#byGrant, grant, socket);
    this.#count(session, -1);
  }

  /** Replaces a session's grants: `change` sets the new ones. */
  regrant(socket: Socket, session: LiveSession, change: () => void): void {
    for (const grant of session.grants) take(this.#byGrant, grant, socket);
    change();
    for (const grant of session.grants) put(this.#byGrant, grant, socket, session);
  }

  /** The sessions that may read something of these audiences, each once. */
  readersOf(audiences: readonly Audience[]): ReadonlyMap<Socket, LiveSession> {
    const grants = new Set<string>();
    for (const audience of audiences) {
      if (audience === null) return this.open;
      for (const grant of audience) grants.add(grant);
    }
    const [first, ...others] = [...grants].flatMap((grant) => this.#byGrant.get(grant) ?? []);
    if (first === undefined) return new Map();
    if (others.length === 0) return first;
    const readers = new Map(first);
    for (const sessions of others) {
      for (const [socket, session] of sessions) readers.set(socket, session);
    }
    return readers;
  }

  /** The sessions that a selector names. */
  selected(to: Selector): Iterable<readonly [Socket, LiveSession]> {
    if ("connection" in to) {
      const one = this.#byId.get(to.connection);
      return one === undefined ? [] : [one];
    }
    if ("connections" in to) {
      return to.connections.flatMap((id) => {
        const one = this.#byId.get(id);
        return one === undefined ? [] : [one];
      });
    }
    const sessions = "grant" in to ? (this.#byGrant.get(to.grant) ?? []) : this.open;
    const chosen = [...sessions];
    return to.except === undefined
      ? chosen
      : chosen.filter(([, { record }]) => record.id !== to.except);
  }

  #count({ record }: LiveSession, by: 1 | -1): void {
    if (!record.batch) this.#unbatched += by;
    if (record.signals === true) this.#signals += by;
  }
}

function put<Socket>(
  index: Map<string, Sessions<Socket>>,
  key: string,
  socket: Socket,
  session: LiveSession,
): void {
  const sessions = index.get(key);
  if (sessions === undefined) index.set(key, new Map([[socket, session]]));
  else sessions.set(socket, session);
}

function take<Socket>(index: Map<string, Sessions<Socket>>, key: string, socket: Socket): void {
  const sessions = index.get(key);
  sessions?.delete(socket);
  if (sessions?.size === 0) index.delete(key);
}
