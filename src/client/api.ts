import type { ByteStream } from "./event-stream.ts";
import { hasTexts, isRecord } from "./json-shape.ts";
import { failed, type Outcome, type TokenSource } from "./outcome.ts";
import { failureOf, UNREACHABLE, unreachableFrom } from "./problem.ts";
import {
  type CreatedRoom,
  type Invite,
  type Match,
  type MatchesPage,
  type NewRoom,
  type People,
  type Room,
  type RoomsPage,
  isCreatedRoom,
  isInvite,
  isMatch,
  isMatchesPage,
  isPage,
  isPeople,
  isRoom,
  isRoomsPage,
} from "./resources.ts";
import { type EventBody, isEvent, isSeq } from "./server-frame.ts";
import { streamEventOf } from "./stream-cursor.ts";
import type { OtherEvent, StreamEvent } from "./stream-item.ts";

/** Longest wait for one answer, milliseconds. Discord may be slow, but a person does not wait longer. */
const REQUEST_TIMEOUT_MS = 20_000;

type PageQuery = {
  readonly guildId?: string;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  readonly limit?: number;
};

/** Selects rooms. Without members: the open rooms of the token's guild. */
export type RoomsQuery = PageQuery & { readonly state?: "open" | "ended" };

/** Selects matches. Without members: the live matches of the token's guild. */
export type MatchesQuery = PageQuery & { readonly state?: "live" | "ended" };

/** Selects people. Without members: anyone in the token's guild. */
export type PeopleQuery = {
  readonly guildId?: string;
  /** A part of the name. */
  readonly q?: string;
  readonly limit?: number;
};

/** A position in a guild's journal: right after event `after` of `epoch`. */
export type JournalPosition = { readonly epoch: string; readonly after: number };

/** Past events of a guild that the reader may see, oldest first. */
export type PastEvents = {
  readonly events: readonly (StreamEvent | OtherEvent)[];
  /** The `after` of the next call. */
  readonly seq: number;
  /** The journal already has later events. */
  readonly more: boolean;
  /** The journal no longer has the position, or has another epoch. `events` is empty then. */
  readonly reset: boolean;
  /**
   * With `reset`, the oldest event that the journal has; `after` may be one less. Null: a server of an older
   * version does not report it.
   */
  readonly oldest: number | null;
};

/** Where to connect, and the token that the ticket was issued for. */
export type StreamTicket = { readonly url: string; readonly token: string };

/**
 * The open stream over HTTP, and the token that it was opened with.
 * @internal
 */
export type EventStream = { readonly body: ByteStream; readonly token: string };

/** The type of the global `fetch` in a browser or in Node, where it has one. */
export type Fetch = typeof globalThis extends { readonly fetch: infer Own } ? Own : unknown;

export type ApiOptions = {
  /** Origin of the Worker, without a slash at the end. Empty: the page's own origin. */
  readonly baseUrl: string;
  readonly tokens: TokenSource;
  readonly fetch?: Fetch;
};

type Call = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A token that the server has refused. */
  readonly staleToken?: string | undefined;
  /** Ends the call. Absent: it ends after {@link REQUEST_TIMEOUT_MS}. */
  readonly until?: AbortSignal;
};

type Answer = { readonly response: Response; readonly token: string };

/**
 * The REST calls of rooms and matches. Each returns an {@link Outcome}; none throws. When the server refuses the
 * token, it is renewed once and the call is repeated, because a request with a 401 has changed nothing.
 */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /**
   * Opens a room.
   * @param idempotencyKey repeated calls with the same key and the same room open one room only
   */
  async createRoom(room: NewRoom, idempotencyKey: string): Promise<Outcome<CreatedRoom>> {
    return this.#json(isCreatedRoom, {
      method: "POST",
      path: "/create-room",
      body: room,
      headers: { "Idempotency-Key": idempotencyKey },
    });
  }

  /** Ends a room. A room that has already ended counts as a success. */
  async endRoom(channelId: string): Promise<Outcome<Record<string, unknown>>> {
    const path = `/end-room/${encodeURIComponent(channelId)}`;
    return this.#json(isRecord, { method: "DELETE", path });
  }

  /** Rooms of a guild that this person may see, open or ended. */
  async rooms(query: RoomsQuery = {}): Promise<Outcome<RoomsPage>> {
    return this.#json(isRoomsPage, { method: "GET", path: `/rooms?${queryOf(query)}` });
  }

  /** One room, open or ended. */
  async room(channelId: string): Promise<Outcome<Room>> {
    const path = `/rooms/${encodeURIComponent(channelId)}`;
    return this.#json(isRoom, { method: "GET", path });
  }

  /** Creates an invite link to a room, with Discord's default lifetime and number of uses. */
  async invite(channelId: string): Promise<Outcome<Invite>> {
    const path = `/rooms/${encodeURIComponent(channelId)}/invite`;
    return this.#json(isInvite, { method: "POST", path, body: {} });
  }

  /** People of a guild by name, for a picker. */
  async people(query: PeopleQuery = {}): Promise<Outcome<People>> {
    return this.#json(isPeople, { method: "GET", path: `/people?${queryOf(query)}` });
  }

  /** Matches of a guild, live or ended. */
  async matches(query: MatchesQuery = {}): Promise<Outcome<MatchesPage>> {
    return this.#json(isMatchesPage, { method: "GET", path: `/matches?${queryOf(query)}` });
  }

  /** One match. @param guildId absent: the guild that the token is for */
  async match(matchId: string, guildId?: string): Promise<Outcome<Match>> {
    const path = `/matches/${encodeURIComponent(matchId)}?${queryOf({ guildId })}`;
    return this.#json(isMatch, { method: "GET", path });
  }

  /**
   * Reads past events from the journal of the last 24 hours, without waiting for new ones.
   * @param guildId absent: the guild that the token is for
   */
  async pastEvents(
    { epoch, after }: JournalPosition,
    guildId?: string,
  ): Promise<Outcome<PastEvents>> {
    const query = new URLSearchParams({ epoch, after: String(after), wait: "0" });
    const call = await this.#eventsCall(query, guildId);
    if (!call.ok) return call;
    const answer = await this.#json(isPolledEvents, {
      ...call.value,
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) return answer;
    const { events, more, reset, seq } = answer.value;
    const oldest = isRecord(reset) && isSeq(reset["oldest"]) ? reset["oldest"] : null;
    const past = { seq, more, events: events.map(streamEventOf), oldest };
    return { ok: true, value: { ...past, reset: reset !== undefined } };
  }

  /**
   * A single-use ticket for the event stream.
   * @param guildId absent: the guild that the token is for
   * @param staleToken a token that the stream has refused
   */
  async ticket(guildId?: string, staleToken?: string): Promise<Outcome<StreamTicket>> {
    const body = guildId === undefined ? {} : { guildId };
    const answer = await this.#send({ method: "POST", path: "/ws/ticket", body, staleToken });
    if (!answer.ok) return answer;
    const { response, token } = answer.value;
    const ticket = await bodyOf(isTicket, response);
    return ticket.ok ? { ok: true, value: { url: ticket.value.url, token } } : ticket;
  }

  /**
   * The event stream as Server-Sent Events, for networks where no WebSocket gets through.
   * @param until ends the request, or the open stream
   * @param guildId as for a ticket
   * @param staleToken as for a ticket
   * @internal
   */
  async events(
    query: URLSearchParams,
    until: AbortSignal,
    guildId?: string,
    staleToken?: string,
  ): Promise<Outcome<EventStream>> {
    const call = await this.#eventsCall(query, guildId, staleToken);
    if (!call.ok) return call;
    const answer = await this.#send({
      ...call.value,
      headers: { Accept: "text/event-stream" },
      staleToken,
      until,
    });
    if (!answer.ok) return answer;
    const { response, token } = answer.value;
    const { body } = response;
    return body === null ? failed(UNREACHABLE) : { ok: true, value: { body, token } };
  }

  /** `GET /events` of a guild. A token alone leads to the primary guild; for another guild a ticket is needed. */
  async #eventsCall(
    query: URLSearchParams,
    guildId: string | undefined,
    staleToken?: string,
  ): Promise<Outcome<Call>> {
    if (guildId !== undefined) {
      const issued = await this.ticket(guildId, staleToken);
      if (!issued.ok) return issued;
      query.set("ticket", new URL(issued.value.url).searchParams.get("ticket") ?? "");
    }
    return { ok: true, value: { method: "GET", path: `/events?${query.toString()}` } };
  }

  async #json<T>(is: Guard<T>, call: Call): Promise<Outcome<T>> {
    const answer = await this.#send(call);
    return answer.ok ? bodyOf(is, answer.value.response) : answer;
  }

  /** Sends the call, and once more with another token when the first is refused. */
  async #send(call: Call): Promise<Outcome<Answer>> {
    const first = await this.#options.tokens(call.staleToken);
    if (!first.ok) return first;
    let token = first.value;
    let response = await this.#fetch(call, token);
    if (response?.status === 401) {
      const renewed = await this.#options.tokens(token);
      if (!renewed.ok) return renewed;
      token = renewed.value;
      response = await this.#fetch(call, token);
    }
    if (response === undefined) return failed(unreachableFrom(this.#options.baseUrl));
    if (response.ok) return { ok: true, value: { response, token } };
    const retryAfter = response.headers.get("retry-after");
    return failed(failureOf(response.status, retryAfter, await jsonOf(response)));
  }

  async #fetch(
    { method, path, body, headers, until = AbortSignal.timeout(REQUEST_TIMEOUT_MS) }: Call,
    token: string,
  ): Promise<Response | undefined> {
    const send = this.#options.fetch ?? fetch;
    try {
      return await send(`${this.#options.baseUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: until,
      });
    } catch {
      return undefined;
    }
  }
}

function queryOf(members: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.toString();
}

/** The JSON of an answer; a failure if it does not have the expected shape. */
async function bodyOf<T>(is: Guard<T>, response: Response): Promise<Outcome<T>> {
  const body = await jsonOf(response);
  return is(body) ? { ok: true, value: body } : failed(failureOf(502, null, undefined));
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

type Guard<T> = (body: unknown) => body is T;

function isTicket(body: unknown): body is { readonly url: string } {
  return hasTexts(body, ["url"]);
}

type PolledEvents = {
  readonly seq: number;
  readonly events: readonly EventBody[];
  readonly more: boolean;
  readonly reset?: unknown;
};

function isPolledEvents(body: unknown): body is PolledEvents {
  return isPage(body, "events", isEvent) && isSeq(body["seq"]);
}
