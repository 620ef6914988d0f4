import type { Room } from "../protocol/room.ts";
import { hasTexts, isRecord } from "./json-shape.ts";
import { failed, type Outcome, type TokenSource } from "./outcome.ts";
import { failureOf, UNREACHABLE } from "./problem.ts";

/** Longest wait for one answer, milliseconds: Discord may be slow, a person is not patient. */
const REQUEST_TIMEOUT_MS = 20_000;

/** Body of `POST /create-room` (rooms.md §1). */
export type NewRoom = {
  readonly name?: string;
  readonly userLimit?: number;
  readonly private?: boolean;
  readonly allowedUserIds?: readonly string[];
  readonly guildId?: string;
};

/** Answer to `POST /create-room`. */
export type CreatedRoom = {
  readonly channelId: string;
  readonly name: string;
  readonly guildId: string;
};

/** A link into a room; `expiresAt` null: it does not expire. */
export type Invite = {
  readonly url: string;
  readonly code: string;
  readonly expiresAt: string | null;
};

/** Where to connect, and the token that the ticket was made with. */
export type StreamTicket = { readonly url: string; readonly token: string };

/** Where the Worker is and who calls. */
export type ApiOptions = {
  /** Origin of the Worker, no slash at the end; empty for the page's own. */
  readonly baseUrl: string;
  readonly tokens: TokenSource;
  readonly fetch?: typeof fetch;
};

type Call = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A token that the caller knows to be of no more use. */
  readonly staleToken?: string;
};

/**
 * The REST calls of rooms.md §1. Each answers with an {@link Outcome}; none throws. A refused token
 * is renewed once and the call repeated: a 401 has changed nothing.
 */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /**
   * Opens a room.
   * @param idempotencyKey the same key with the same room opens it once, however often it is sent
   */
  async createRoom(room: NewRoom, idempotencyKey: string): Promise<Outcome<CreatedRoom>> {
    return this.#json(isCreatedRoom, {
      method: "POST",
      path: "/create-room",
      body: room,
      headers: { "Idempotency-Key": idempotencyKey },
    });
  }

  /** Ends a room; one that is ended already counts as a success. */
  async endRoom(channelId: string): Promise<Outcome<Record<string, unknown>>> {
    const path = `/end-room/${encodeURIComponent(channelId)}`;
    return this.#json(isRecord, { method: "DELETE", path });
  }

  /** One room, open or ended. */
  async room(channelId: string): Promise<Outcome<Room>> {
    const path = `/rooms/${encodeURIComponent(channelId)}`;
    return this.#json(isRoom, { method: "GET", path });
  }

  /** Makes a link into a room, with Discord's own life and number of uses. */
  async invite(channelId: string): Promise<Outcome<Invite>> {
    const path = `/rooms/${encodeURIComponent(channelId)}/invite`;
    return this.#json(isInvite, { method: "POST", path, body: {} });
  }

  /**
   * A single-use ticket for the event stream.
   * @param guildId absent: the guild that the token is for
   * @param staleToken a token that the stream has refused
   */
  async ticket(guildId?: string, staleToken?: string): Promise<Outcome<StreamTicket>> {
    const answer = await this.#send(isTicket, {
      method: "POST",
      path: "/ws/ticket",
      body: guildId === undefined ? {} : { guildId },
      ...(staleToken === undefined ? {} : { staleToken }),
    });
    if (!answer.ok) return answer;
    return { ok: true, value: { url: answer.value.body.url, token: answer.value.token } };
  }

  async #json<T>(is: Guard<T>, call: Call): Promise<Outcome<T>> {
    const answer = await this.#send(is, call);
    return answer.ok ? { ok: true, value: answer.value.body } : answer;
  }

  async #send<T>(
    is: Guard<T>,
    call: Call,
  ): Promise<Outcome<{ readonly body: T; readonly token: string }>> {
    const first = await this.#options.tokens(call.staleToken);
    if (!first.ok) return first;
    let token = first.value;
    let response = await this.#authorized(call, token);
    if (response?.status === 401) {
      const renewed = await this.#options.tokens(token);
      if (!renewed.ok) return renewed;
      token = renewed.value;
      response = await this.#authorized(call, token);
    }
    if (response === undefined) return failed(UNREACHABLE);
    const body = await jsonOf(response);
    if (!response.ok) {
      return failed(failureOf(response.status, response.headers.get("retry-after"), body));
    }
    return is(body)
      ? { ok: true, value: { body, token } }
      : failed(failureOf(502, null, undefined));
  }

  async #authorized(call: Call, token: string): Promise<Response | undefined> {
    const hasBody = call.body !== undefined;
    return this.#fetch(call.path, {
      method: call.method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(hasBody ? { "content-type": "application/json" } : {}),
        ...call.headers,
      },
      ...(hasBody ? { body: JSON.stringify(call.body) } : {}),
    });
  }

  async #fetch(path: string, init: RequestInit): Promise<Response | undefined> {
    const send = this.#options.fetch ?? fetch;
    try {
      return await send(`${this.#options.baseUrl}${path}`, {
        ...init,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
    } catch {
      return undefined;
    }
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

type Guard<T> = (body: unknown) => body is T;

function isCreatedRoom(body: unknown): body is CreatedRoom {
  return hasTexts(body, ["channelId", "name", "guildId"]);
}

function isRoom(body: unknown): body is Room {
  return (
    hasTexts(body, ["channelId", "name", "createdBy", "createdAt"]) &&
    typeof body["userLimit"] === "number" &&
    typeof body["private"] === "boolean"
  );
}

function isInvite(body: unknown): body is Invite {
  return hasTexts(body, ["url", "code"]);
}

function isTicket(body: unknown): body is { readonly url: string } {
  return hasTexts(body, ["url"]);
}
