import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { Room } from "../../src/protocol/room.ts";
import type { Stack } from "./stack.ts";

/** An answer of the Worker. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
};

/** By then Discord's limits allow another room, milliseconds. */
const LIMITS_DEADLINE_MS = 120_000;

/** The REST API for one user. */
export class Api {
  readonly #stack: Stack;
  readonly token: string;

  constructor(stack: Stack, token: string) {
    this.#stack = stack;
    this.token = token;
  }

  /** Any request of this user. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.#stack.urls.worker}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  /**
   * Opens a room and returns the id of its channel. Tries again when Discord's limits or our own require it: a
   * test on a fast machine opens more than 40 rooms in ten seconds.
   * @throws when the room is refused
   */
  async createRoom(body: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const deadline = performance.now() + LIMITS_DEADLINE_MS;
    for (;;) {
      const answer = await this.call("POST", "/create-room", body);
      if (answer.status === 200) {
        return z.object({ channelId: z.string() }).parse(answer.body).channelId;
      }
      const seconds = Number(answer.headers.get("retry-after"));
      const isLimited =
        [429, 503].includes(answer.status) && seconds > 0 && performance.now() < deadline;
      if (!isLimited) throw new Error(`create-room: ${JSON.stringify(answer)}`);
      await delay(seconds * 1000);
    }
  }

  /** Ends a room. @throws when the request is refused */
  async endRoom(channelId: string): Promise<void> {
    const answer = await this.call("DELETE", `/end-room/${channelId}`);
    if (answer.status !== 200) throw new Error(`end-room: ${JSON.stringify(answer)}`);
  }

  /** All open rooms that this user may see. */
  async rooms(query = ""): Promise<readonly Room[]> {
    const rooms: Room[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await this.call("GET", `/rooms?limit=100${query}${next}`);
      if (answer.status !== 200) throw new Error(`rooms: ${JSON.stringify(answer)}`);
      const page = z
        .object({ rooms: z.array(Room), nextCursor: z.string().nullable() })
        .parse(answer.body);
      rooms.push(...page.rooms);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return rooms;
  }
}
