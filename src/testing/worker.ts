import { exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { ServerFrame } from "../protocol/frames.ts";
import { SOON } from "./soon.ts";
import { TextClient } from "./text-client.ts";
import { TEST_JWKS_URL, type TestProvider } from "./tokens.ts";

/** Origin of the tests' page, which is in `WEB_ORIGIN` of `vitest.config.ts`. */
export const PAGE_ORIGIN = "https://page.test";
const BASE = "https://hub.test";

/** Calls the Worker as a client does. */
export function callWorker(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(new URL(path, BASE), init));
}

/**
 * Calls the Worker with a token and, if there is one, a JSON body.
 * @param signal aborts the request
 */
export function callAs(
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  return callWorker(path, {
    method,
    signal,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Answers outgoing requests. Those for the provider's keys are answered already. */
export type OutsideWorld = (request: Request) => Promise<Response> | Response;

/** Replaces outgoing requests, so that no test sends anything to the network. */
export function mockOutside(provider: TestProvider, world: OutsideWorld): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url === TEST_JWKS_URL) return Response.json(provider.jwks);
    return world(request);
  });
}

/** A client of the stream that keeps what it receives. */
export class StreamClient {
  readonly frames: ServerFrame[] = [];
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => {
      const text = String(event.data);
      this.texts.push(text);
      this.frames.push(JSON.parse(text) as ServerFrame);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept();
  }

  send(frame: unknown): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  close(): void {
    this.#socket.close(1000);
  }

  /** Frames of one type. */
  of<Type extends ServerFrame["type"]>(type: Type): Extract<ServerFrame, { type: Type }>[] {
    return this.frames.filter(
      (frame): frame is Extract<ServerFrame, { type: Type }> => frame.type === type,
    );
  }

  /** All received events, including those in batches. */
  get events(): { event: string; seq: number; prev?: number | undefined; payload: unknown }[] {
    return this.frames.flatMap((frame) => {
      if (frame.type === "event") return [frame];
      return frame.type === "batch" ? frame.events : [];
    });
  }

  /** The position that it would resume from. */
  get position(): { epoch: string; seq: number } {
    const [ack] = this.of("ack");
    const last = this.frames.findLast(
      (frame) => frame.type === "event" || frame.type === "snapshot",
    );
    const seq = last !== undefined && "seq" in last ? last.seq : (ack?.seq ?? 0);
    return { epoch: ack?.epoch ?? "", seq };
  }

  /** Waits until `condition` holds. */
  async until(condition: (client: StreamClient) => boolean): Promise<void> {
    await vi.waitUntil(() => condition(this), SOON);
  }
}

/** A client of Socket.IO. */
export class SocketIoClient extends TextClient {
  /** Sends an event. */
  emit(...data: readonly unknown[]): void {
    this.send(`42${JSON.stringify(data)}`);
  }

  /** The arguments of the events with this name. */
  of(name: string): unknown[][] {
    return this.texts
      .filter((text) => text.startsWith("42["))
      .map((text) => JSON.parse(text.slice(2)) as unknown[])
      .flatMap(([event, ...data]) => (event === name ? [data] : []));
  }

  /** Waits for a packet of CONNECT (`40`) or CONNECT_ERROR (`44`). @returns its payload */
  async answer(type: "40" | "44"): Promise<unknown> {
    return JSON.parse((await this.hears(type)).slice(2)) as unknown;
  }

  /** Waits until `condition` holds. */
  async until(condition: (client: SocketIoClient) => boolean): Promise<void> {
    await vi.waitUntil(() => condition(this), SOON);
  }
}

/** Upgrades on `/socket.io/`, as a client of Socket.IO does. */
export async function upgradeSocketIo(headers: Record<string, string> = {}): Promise<Response> {
  return callWorker("/socket.io/?EIO=4&transport=websocket", {
    headers: { Upgrade: "websocket", ...headers },
  });
}

/** Opens a connection of Socket.IO and sends CONNECT with this payload; the upgrade must succeed. */
export async function openSocketIo(auth: object): Promise<SocketIoClient> {
  const { status, webSocket } = await upgradeSocketIo();
  if (webSocket === null) throw new Error(`the upgrade was answered with ${status}`);
  const client = new SocketIoClient(webSocket);
  client.send(`40${JSON.stringify(auth)}`);
  return client;
}

/** Upgrades on `/ws` with this query or these headers. */
export async function upgrade(
  query: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return callWorker(`/ws${query}`, { headers: { Upgrade: "websocket", ...headers } });
}

/** Opens a stream; the upgrade must succeed. */
export async function openStream(
  query: string,
  headers: Record<string, string> = {},
): Promise<StreamClient> {
  const response = await upgrade(query, headers);
  expect(response.status).toBe(101);
  const { webSocket } = response;
  if (webSocket === null) throw new Error("the upgrade has no socket");
  return new StreamClient(webSocket);
}

/** Requests a ticket with this token. @returns its text */
export async function ticketFor(
  token: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await callAs(token, "POST", "/ws/ticket", body, headers);
  expect(response.status).toBe(201);
  return (await response.json<{ ticket: string }>()).ticket;
}

/** Opens a stream with a new ticket, resuming from `position` if there is one. */
export async function streamAs(
  token: string,
  position?: { readonly epoch: string; readonly seq: number },
  options: { readonly batch?: boolean; readonly guildId?: string } = {},
): Promise<StreamClient> {
  const guild = options.guildId === undefined ? {} : { guildId: options.guildId };
  const ticket = await ticketFor(token, guild);
  const resume = position === undefined ? "" : `&epoch=${position.epoch}&seq=${position.seq}`;
  const client = await openStream(
    `?ticket=${encodeURIComponent(ticket)}${resume}${options.batch === true ? "&batch=1" : ""}`,
  );
  await client.until(({ frames }) =>
    frames.some(({ type }) => type === "snapshot" || type === "resumed"),
  );
  return client;
}
