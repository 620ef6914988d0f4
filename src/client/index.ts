import { Api, type Fetch } from "./api.ts";
import type { EventName } from "./guild-event.ts";
import { GuildSocket } from "./guild-socket.ts";
import { type SocketLike, watchNetwork } from "./network.ts";
import { failed, type Outcome, type TokenSource } from "./outcome.ts";
import type { ConnectionState, StreamEventOf, StreamItem } from "./stream-item.ts";

/** The entry of the package `guildhub-client`. Everything that is not exported here may change. */
export type {
  Api,
  Fetch,
  JournalPosition,
  MatchesQuery,
  PastEvents,
  PeopleQuery,
  RoomsQuery,
  StreamTicket,
} from "./api.ts";
export type { EventName, EventPayloads, GuildEvent, PayloadOf } from "./guild-event.ts";
export type { SocketLike } from "./network.ts";
export type { Failure, Outcome } from "./outcome.ts";
export type {
  CreatedRoom,
  Faction,
  Invite,
  Match,
  MatchesPage,
  MatchPlayer,
  MatchSide,
  NewRoom,
  People,
  Person,
  Room,
  RoomMember,
  RoomsPage,
} from "./resources.ts";
export type * from "./stream-item.ts";

export type GuildClientOptions = {
  /** Origin of the Worker, without a slash at the end. Absent in a page: the page's own origin. */
  readonly baseUrl?: string;
  /** Absent: the guild that the token is for. */
  readonly guildId?: string | undefined;
  /**
   * Returns an access token, or a failure that says why there is none.
   * @param stale a token that was refused or is about to expire; return another one
   */
  readonly token: (stale?: string) => MaybeLater<string | Outcome<string>>;
  /** Whether to get presence and other last values. */
  readonly signals?: boolean;
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch;
  /** Replaces the global `WebSocket`. */
  readonly openSocket?: (url: string) => SocketLike;
};

type MaybeLater<T> = T | Promise<T>;

/** The names that {@link GuildClient.on} accepts: an event, a type of item, `items` or `state`. */
export type Heard = {
  readonly [Name in EventName]: StreamEventOf<Name>;
} & {
  readonly [Type in StreamItem["type"]]: Extract<StreamItem, { readonly type: Type }>;
} & {
  /** All items in order, several in one call when they came in one frame. */
  readonly items: readonly StreamItem[];
  readonly state: ConnectionState;
};

/**
 * One guild: its event stream, which reconnects by itself, and the REST calls that change it. The stream sends no
 * request before {@link GuildClient.connect}.
 */
export class GuildClient {
  /** The REST calls. */
  readonly api: Api;
  readonly #socket: GuildSocket;
  readonly #handlers = new Map<string, Set<(value: never) => void>>();
  #state: ConnectionState = { kind: "stopped", why: "Not connected yet." };
  #watch: AbortController | undefined;

  constructor(options: GuildClientOptions) {
    const { baseUrl = "", guildId, fetch: send, openSocket } = options;
    const tokens = tokensFrom(options.token);
    const api = new Api({ baseUrl, tokens, ...(send && { fetch: send }) });
    this.api = api;
    this.#socket = new GuildSocket({
      ticket: (stale) => api.ticket(guildId, stale),
      events: (query, until, stale) => api.events(query, until, guildId, stale),
      tokens,
      signals: options.signals === true,
      onItems: (items) => {
        this.#emit("items", items);
        for (const item of items) {
          this.#emit(item.type, item);
          if (item.type === "event") this.#emit(item.event, item);
        }
      },
      onState: (state) => {
        this.#state = state;
        this.#emit("state", state);
      },
      ...(openSocket && { openSocket }),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Calls `handler` with each value of that name from now on.
   * @returns removes the handler
   */
  on<Name extends keyof Heard>(name: Name, handler: (value: Heard[Name]) => void): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => {
      handlers.delete(handler);
    };
  }

  /**
   * Connects now, also before the end of a wait or after a stop, and stays connected. An open connection is
   * probed.
   */
  connect(): void {
    if (this.#watch === undefined) {
      this.#watch = new AbortController();
      watchNetwork(this.#watch.signal, () => {
        this.#socket.wake();
      });
    }
    this.#socket.connect();
    this.#socket.probe();
  }

  /**
   * Limits the stream to some channels, on this connection and every later one. An empty list removes the limit.
   * Over HTTP it has no effect.
   * @returns a failure when there are more channels than the hub accepts; nothing changes then
   */
  subscribe(channelIds: readonly string[]): Outcome<null> {
    return this.#socket.subscribe(channelIds);
  }

  /** Ends the stream. A later `connect` resumes from the last event. */
  close(): void {
    this.#watch?.abort();
    this.#watch = undefined;
    this.#socket.stop();
  }

  #emit(name: string, value: unknown): void {
    for (const handler of this.#handlers.get(name) ?? []) {
      callHandler(() => {
        (handler as (value: unknown) => void)(value);
      });
    }
  }
}

/** Turns the result or the error of the user's function into an outcome. */
function tokensFrom(token: GuildClientOptions["token"]): TokenSource {
  return async (stale) => {
    try {
      const given = await token(stale);
      return typeof given === "string" ? { ok: true, value: given } : given;
    } catch {
      return failed({ kind: "unreachable", message: "No access token is available." });
    }
  };
}

/** Calls a user's handler. Its error is reported as uncaught, and the next handlers still run. */
function callHandler(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
