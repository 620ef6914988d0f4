import { Api, type Fetch } from "./api.ts";
import type { EventName } from "./guild-event.ts";
import { GuildSocket } from "./guild-socket.ts";
import { type SocketLike, watchNetwork } from "./network.ts";
import { failed, type Outcome, type TokenSource } from "./outcome.ts";
import type { ConnectionState, StreamEventOf, StreamItem } from "./stream-item.ts";

/**
 * The entry of the package `guildhub-client`: what is not exported here may change.
 */
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

/** Who connects, and where to. */
export type GuildClientOptions = {
  /** Origin of the Worker, no slash at the end; absent in a page: its own. */
  readonly baseUrl?: string;
  /** Which guild; absent: the one that the token is for. */
  readonly guildId?: string | undefined;
  /**
   * Gets an access token, or why there is none.
   * @param stale a token that is refused or about to expire: another one is wanted
   */
  readonly token: (stale?: string) => MaybeLater<string | Outcome<string>>;
  /** Whether to get presence and other last values. */
  readonly signals?: boolean;
  /** In place of the global one. */
  readonly fetch?: Fetch;
  /** In place of the global WebSocket. */
  readonly openSocket?: (url: string) => SocketLike;
};

type MaybeLater<T> = T | Promise<T>;

/** What can be listened to, by name: an event, a kind of item, everything, or the state. */
export type Heard = {
  readonly [Name in EventName]: StreamEventOf<Name>;
} & {
  readonly [Type in StreamItem["type"]]: Extract<StreamItem, { readonly type: Type }>;
} & {
  /** Everything in order; several at once when they came in one frame. */
  readonly items: readonly StreamItem[];
  readonly state: ConnectionState;
};

/**
 * One guild: its event stream, which comes back by itself, and the calls that change it. Nothing is
 * asked for before {@link GuildClient.connect}.
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
        this.#tell("items", items);
        for (const item of items) {
          this.#tell(item.type, item);
          if (item.type === "event") this.#tell(item.event, item);
        }
      },
      onState: (state) => {
        this.#state = state;
        this.#tell("state", state);
      },
      ...(openSocket && { openSocket }),
    });
  }

  /** Where the connection stands. */
  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Calls `handler` with everything of that name from now on.
   * @returns ends that
   */
  on<Name extends keyof Heard>(name: Name, handler: (value: Heard[Name]) => void): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => {
      handlers.delete(handler);
    };
  }

  /** Connects and stays connected: now, instead of later, or again. An open connection is checked. */
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
   * Narrows the stream to some channels, on this connection and every later one; an empty list
   * takes that back. Over HTTP the stream is not narrowed.
   * @returns a failure, and nothing is changed, when there are more than the hub takes
   */
  subscribe(channelIds: readonly string[]): Outcome<null> {
    return this.#socket.subscribe(channelIds);
  }

  /** Ends the stream. A later `connect` resumes where it was. */
  close(): void {
    this.#watch?.abort();
    this.#watch = undefined;
    this.#socket.stop();
  }

  #tell(name: string, value: unknown): void {
    for (const handler of this.#handlers.get(name) ?? []) {
      unbroken(() => {
        (handler as (value: unknown) => void)(value);
      });
    }
  }
}

/** What the user's function gives, or throws, as an outcome. */
function tokensFrom(token: GuildClientOptions["token"]): TokenSource {
  return async (stale) => {
    try {
      const given = await token(stale);
      return typeof given === "string" ? { ok: true, value: given } : given;
    } catch {
      return failed({ kind: "unreachable", message: "No access token could be had." });
    }
  };
}

/** Calls the user's code; what it throws is reported as uncaught, and the rest goes on. */
function unbroken(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
