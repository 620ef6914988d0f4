import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../../app.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import {
  EVENT_REQUESTS_PER_MINUTE,
  EVENT_STREAM_KEEP_ALIVE_MS,
  LONG_POLL_WAIT_MAX_SECONDS,
  SESSION_GRANTS_MAX_BYTES,
} from "../../protocol/limits.ts";
import { acceptedAt } from "../../testing/hub-end.ts";
import { SOON } from "../../testing/soon.ts";
import { SseReader, type ReceivedMessage } from "../../testing/sse-reader.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import { callWorker, mockOutside, PAGE_ORIGIN, ticketFor } from "../../testing/worker.ts";
import { HANDOVER_HEADER, readHandover, type Handover } from "../handover.ts";

const GUILD = env.PRIMARY_GUILD_ID;
const BASE = "https://hub.test";
const SSE = { Accept: "text/event-stream" };

let provider: TestProvider;
let alice: string;
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

beforeAll(async () => {
  provider = await testProvider();
  alice = await provider.mint({ sub: "alice" });
});

beforeEach(() => {
  mockOutside(provider, () => new Response(null, { status: 404 }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const frame = (members: object): string => JSON.stringify({ v: 1, ...members });
const ACK = frame(acceptedAt(4));
const SNAPSHOT = frame({
  type: "snapshot",
  epoch: "E",
  seq: 4,
  reason: "first_connection",
  rooms: [],
});
const RESUMED = frame({ type: "resumed", epoch: "E", from: 4, to: 4 });
const event = (seq: number): string =>
  frame({ type: "event", event: "x", payload: { n: "🦊" }, ts: 1, seq, id: `i${seq}` });

/** A hub that the test controls, behind the real Worker. */
class FakeHub {
  readonly handovers: Handover[] = [];
  /** Its ends of the sockets. */
  readonly sockets: WebSocket[] = [];
  /** The codes with which the Worker closed them. */
  readonly left: number[] = [];
  /** Its answer instead of a socket. */
  refusal: (() => Response) | null = null;
  /** The first frames on a new socket. */
  greeting: readonly string[] = [ACK, SNAPSHOT];

  async call(
    query: string,
    headers: Record<string, string> = {},
    init: RequestInit = {},
  ): Promise<Response> {
    const bindings = {
      ...env,
      HUB: {
        getByName: (name: string) => ({ fetch: this.#serve.bind(this, name) }),
      } as unknown as typeof env.HUB,
    };
    return createApp().request(
      `${BASE}/events${query}`,
      { ...init, headers },
      bindings,
      createExecutionContext(),
    );
  }

  #serve(name: string, url: string, init: { headers: Record<string, string> }): Promise<Response> {
    const handover = readHandover(init.headers[HANDOVER_HEADER] ?? null);
    if (handover === null || url !== "https://hub/" || name !== handover.hub) {
      return Promise.reject(new Error("the handover is not valid"));
    }
    expect(init.headers["Upgrade"]).toBe("websocket");
    this.handovers.push(handover);
    if (this.refusal !== null) return Promise.resolve(this.refusal());
    const { 0: client, 1: socket } = new WebSocketPair();
    socket.accept();
    socket.addEventListener("close", (closed) => this.left.push(closed.code));
    this.sockets.push(socket);
    for (const text of this.greeting) socket.send(text);
    return Promise.resolve(new Response(null, { status: 101, webSocket: client }));
  }
}

/** Reads the messages of an answer. */
class Messages {
  readonly all: ReceivedMessage[] = [];
  text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #parser = new SseReader();

  constructor(response: Response) {
    if (response.body === null) throw new Error("the answer has no body");
    this.#reader = response.body.getReader();
  }

  /** @returns false at the end */
  async next(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    this.text += new TextDecoder().decode(value);
    this.all.push(...this.#parser.push(value));
    return true;
  }

  async until(count: number): Promise<void> {
    while (this.all.length < count && (await this.next()));
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function code(response: Response): Promise<[number, unknown]> {
  const type = response.headers.get("Content-Type");
  expect(type).toBe("application/problem+json");
  const body = await response.json<{ code: string; detail: string }>();
  expect(body.detail).not.toBe("");
  return [response.status, body.code];
}

describe("Server-Sent Events", () => {
  test("are the hub's messages, unbuffered, until the client leaves", async () => {
    const hub = new FakeHub();
    const response = await hub.call("", { ...bearer(alice), ...SSE });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    expect(response.headers.get("Vary")).toContain("Accept");
    const messages = new Messages(response);
    await messages.until(2);
    hub.sockets[0]?.send(event(5));
    await messages.until(3);
    expect(messages.all.map(({ id, data }) => [id, data])).toEqual([
      ["", ACK],
      ["E:4", SNAPSHOT],
      ["E:5", event(5)],
    ]);
    expect(hub.left).toEqual([]);
    await messages.cancel();
    await vi.waitFor(() => expect(hub.left).toEqual([1001]), SOON);
  });

  test("a comment keeps a quiet connection", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const hub = new FakeHub();
    const messages = new Messages(await hub.call("", { ...bearer(alice), ...SSE }));
    await messages.until(2);
    const before = messages.text;
    const next = messages.next();
    await vi.advanceTimersByTimeAsync(EVENT_STREAM_KEEP_ALIVE_MS);
    await next;
    expect(messages.text.slice(before.length)).toBe(":\n\n");
    await messages.cancel();
  });

  test.each([
    ["stream", "", SSE],
    ["long poll", "?epoch=E&after=4", {}],
  ])("a %s whose request is aborted leaves the hub at once", async (_, query, headers) => {
    const hub = new FakeHub();
    hub.greeting = [ACK, RESUMED];
    const client = new AbortController();
    const init = { signal: client.signal };
    const answer = hub.call(query, { ...bearer(alice), ...headers }, init);
    void answer.catch(() => undefined);
    await vi.waitUntil(() => hub.sockets.length === 1, SOON);
    client.abort();
    await vi.waitFor(() => expect(hub.left).toEqual([1001]), SOON);
  });

  test("the hub's close is the last message", async () => {
    const hub = new FakeHub();
    const messages = new Messages(await hub.call("", { ...bearer(alice), ...SSE }));
    await messages.until(2);
    hub.sockets[0]?.close(4401, "the token is expired");
    while (await messages.next());
    expect(messages.all.at(-1)).toMatchObject({
      event: "close",
      data: '{"code":4401,"reason":"the token is expired","reconnect":"after refresh"}',
    });
  });
});

describe("the long poll", () => {
  test("answers a first call with the whole state and the next position", async () => {
    const hub = new FakeHub();
    const response = await hub.call("", bearer(alice));
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      200,
      "application/json",
    ]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("RateLimit")).toMatch(/^"events";r=\d+;t=\d+$/);
    expect(await response.json()).toEqual({
      v: 1,
      epoch: "E",
      seq: 4,
      reset: { reason: "first_connection", snapshot: { rooms: [] } },
      events: [],
      more: false,
      retryWindowMs: 700,
    });
    await vi.waitFor(() => expect(hub.left).toEqual([1000]), SOON);
  });

  test("waits for an event, or for the time of `wait`", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const hub = new FakeHub();
    hub.greeting = [ACK, RESUMED];
    const waiting = hub.call("?epoch=E&after=4", bearer(alice));
    await vi.waitUntil(() => hub.sockets.length === 1, SOON);
    hub.sockets[0]?.send(event(5));
    expect(await (await waiting).json()).toMatchObject({ seq: 5, events: [{ seq: 5 }] });
    await vi.waitFor(() => expect(hub.left).toEqual([1000]), SOON);
    const idle = hub.call("?epoch=E&after=4&wait=3", bearer(alice));
    await vi.waitUntil(() => vi.getTimerCount() > 0, SOON);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await (await idle).json()).toMatchObject({ seq: 4, events: [], more: false });
    await vi.waitFor(() => expect(hub.left).toEqual([1000, 1000]), SOON);
  });

  test("HUB-19 writes to a client that waits, and the answer is JSON all the same", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const hub = new FakeHub();
    hub.greeting = [ACK, RESUMED];
    const waiting = hub.call("?epoch=E&after=4", bearer(alice));
    await vi.waitUntil(() => vi.getTimerCount() > 1, SOON);
    await vi.advanceTimersByTimeAsync(EVENT_STREAM_KEEP_ALIVE_MS);
    const response = await waiting;
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      200,
      "application/json",
    ]);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? "";
    expect(text).toBe(" ");
    hub.sockets[0]?.send(event(5));
    for (;;) {
      const part = await reader?.read();
      if (part?.value === undefined) break;
      text += part.value;
    }
    expect(JSON.parse(text)).toMatchObject({ seq: 5, events: [{ seq: 5 }] });
    await vi.waitFor(() => expect(hub.left).toEqual([1000]), SOON);
  });

  test("reports why the hub closed the stream", async () => {
    const hub = new FakeHub();
    hub.greeting = [ACK, RESUMED];
    for (const [closeCode, answer] of [
      [4401, [401, "unauthorized"]],
      [4403, [403, "forbidden_guild"]],
      [4409, [429, "rate_limited"]],
      [1013, [503, "unavailable"]],
    ] as const) {
      const polling = hub.call("?epoch=E&after=4", bearer(alice));
      const before = hub.sockets.length;
      await vi.waitUntil(() => hub.sockets.length > before, SOON);
      hub.sockets.at(-1)?.close(closeCode, "because");
      expect(await code(await polling)).toEqual(answer);
    }
  });
});

describe("the handover to the hub contains", () => {
  const told = async (query: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const hub = new FakeHub();
    const response = await hub.call(query, { ...bearer(alice), ...headers });
    expect(response.status).toBe(200);
    await response.body?.cancel();
    const [{ identity: _, ...handover } = {}] = hub.handovers;
    return handover;
  };

  test("the identity", async () => {
    const hub = new FakeHub();
    await hub.call("", bearer(await provider.mint({ sub: "bob", scope: "rooms:manage" })));
    expect(hub.handovers[0]?.identity).toMatchObject({
      sub: "bob",
      grants: ["sub:bob", "scope:rooms:manage"],
    });
  });

  test("the position, from the header before the query", async () => {
    const polled = { v: 1, hub: GUILD, batch: true, edge: "poll", signals: false };
    expect(await told("")).toEqual(polled);
    expect(await told("?epoch=E&after=12")).toEqual({ ...polled, epoch: "E", seq: 12 });
    expect(await told("?epoch=E&after=12", { "Last-Event-ID": "F:g:13" })).toEqual({
      ...polled,
      epoch: "F:g",
      seq: 13,
    });
    expect(await told("?epoch=E&after=12", { "Last-Event-ID": "" })).toEqual({
      ...polled,
      epoch: "E",
      seq: 12,
    });
    // An incomplete position is passed on: the hub answers it, as on the WebSocket.
    expect(await told("?after=12")).toEqual({ ...polled, seq: 12 });
    expect(await told(`?epoch=E&after=${Number.MAX_SAFE_INTEGER}`)).toMatchObject({
      seq: Number.MAX_SAFE_INTEGER,
    });
  });

  test("batches and signals of a stream only on request", async () => {
    const plain = { v: 1, hub: GUILD, batch: false, edge: "sse", signals: false };
    expect(await told("", SSE)).toEqual(plain);
    expect(await told("?batch=1&signals=1", SSE)).toEqual({ ...plain, batch: true, signals: true });
  });

  test("the guild of the query, if the token names it", async () => {
    const hub = new FakeHub();
    const carol = await provider.mint({ sub: "carol", guilds: ["200", "300"] });
    await hub.call("?guildId=300", bearer(carol));
    // A token without that claim is for the primary guild only.
    await hub.call("?guildId=300", bearer(alice));
    expect(hub.handovers.map((one) => one.hub)).toEqual(["300", GUILD]);
  });

  test("the ticket, which works once", async () => {
    const hub = new FakeHub();
    await hub.call(`?ticket=${await ticketFor(alice)}`, bearer("not looked at"));
    expect(hub.handovers[0]).toMatchObject({
      hub: GUILD,
      identity: { sub: "alice" },
      ticket: { id: expect.any(String) },
    });
  });
});

describe("the route refuses", () => {
  test.each([
    ["?after=-1&epoch=E", "/after"],
    ["?after=1.5&epoch=E", "/after"],
    ["?after=1e3&epoch=E", "/after"],
    ["?after=9007199254740992&epoch=E", "/after"],
    ["?after=99999999999999999999&epoch=E", "/after"],
    ["?after=NaN&epoch=E", "/after"],
    ["?after=&epoch=E", "/after"],
    ["?after=1&after=2&epoch=E", "/after"],
    ["?epoch=E", "/after"],
    ["?after=1&epoch=", "/epoch"],
    [`?after=1&epoch=${"E".repeat(65)}`, "/epoch"],
    ["?after=1&epoch=%0A", "/epoch"],
    ["?wait=-1", "/wait"],
    ["?wait=0.5", "/wait"],
    ["?wait=soon", "/wait"],
    ["?wait=", "/wait"],
    [`?wait=${LONG_POLL_WAIT_MAX_SECONDS + 1}`, "/wait"],
  ])("%s: says what to send instead", async (query, pointer) => {
    const hub = new FakeHub();
    const response = await hub.call(query, bearer(alice));
    const body = await response.json<{ code: string; errors: unknown; detail: string }>();
    expect([response.status, body.code]).toEqual([400, "invalid_request"]);
    expect(body.errors).toContainEqual({ pointer, detail: expect.any(String) });
    expect(hub.handovers).toEqual([]);
  });

  test.each(["7", "E:", ":7", "E:-1", "E:1.5", "E:9007199254740992", "E :7", "E:7:x", "ü:7"])(
    "Last-Event-ID %s",
    async (id) => {
      const hub = new FakeHub();
      const headers = { ...bearer(alice), ...SSE, "Last-Event-ID": id };
      expect(await code(await hub.call("", headers))).toEqual([400, "invalid_request"]);
      expect(hub.handovers).toEqual([]);
    },
  );

  test("a client without token and ticket, or with a bad one", async () => {
    const hub = new FakeHub();
    for (const [query, headers] of [
      ["", {}],
      ["", SSE],
      ["", bearer("nonsense")],
      ["?ticket=", {}],
      ["?ticket=forged", bearer(alice)],
    ] as const) {
      const response = await hub.call(query, headers);
      expect(response.headers.get("WWW-Authenticate")).toContain("Bearer");
      expect(await code(response)).toEqual([401, "unauthorized"]);
    }
    const old = await provider.mint({ sub: "alice", exp: Math.floor(Date.now() / 1000) - 60 });
    expect((await hub.call("", bearer(old))).status).toBe(401);
    const elsewhere = await provider.mint({ sub: "carol", guilds: ["200"] });
    expect(await code(await hub.call("", bearer(elsewhere)))).toEqual([403, "forbidden_guild"]);
    const others = await hub.call("?guildId=300", bearer(elsewhere));
    expect(await code(others)).toEqual([403, "forbidden_guild"]);
    const nonsense = await hub.call("?guildId=a/b", bearer(elsewhere));
    expect(await code(nonsense)).toEqual([400, "invalid_request"]);
    const scopes = "s".repeat(SESSION_GRANTS_MAX_BYTES);
    const many = await provider.mint({ sub: "carol", scope: scopes });
    expect(await code(await hub.call("", bearer(many)))).toEqual([403, "forbidden"]);
    expect(hub.handovers).toEqual([]);
  });

  test("a page of another origin, and its tickets", async () => {
    const hub = new FakeHub();
    const foreign = await hub.call("", { ...bearer(alice), Origin: "https://evil.test" });
    expect(foreign.headers.get("Access-Control-Allow-Origin")).toBeNull();
    expect(await code(foreign)).toEqual([403, "forbidden_origin"]);
    const query = `?ticket=${await ticketFor(alice, {}, { Origin: PAGE_ORIGIN })}`;
    expect((await hub.call(query, { Origin: "http://localhost:8787" })).status).toBe(401);
    expect((await hub.call(query)).status).toBe(401);
    // `same-origin` means a page at our own origin, and the ticket is from another page.
    expect((await hub.call(query, { "Sec-Fetch-Site": "same-origin" })).status).toBe(401);
    const own = await hub.call(query, { Origin: PAGE_ORIGIN });
    expect([own.status, own.headers.get("Access-Control-Allow-Origin")]).toEqual([
      200,
      PAGE_ORIGIN,
    ]);
  });

  test("HEAD, which would open a session that nobody reads", async () => {
    const hub = new FakeHub();
    const response = await hub.call("", { ...bearer(alice), ...SSE }, { method: "HEAD" });
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET"]);
    const posted = await hub.call("", { ...bearer(alice), ...SSE }, { method: "POST" });
    expect([posted.status, posted.headers.get("Allow")]).toEqual([405, "GET"]);
    expect(hub.handovers).toEqual([]);
  });

  test("one request too many in a minute, with a time to retry", async () => {
    // The clock stands still, because the quota refills with time.
    vi.useFakeTimers({ toFake: ["Date"] });
    const hub = new FakeHub();
    const busy = await provider.mint({ sub: "busy" });
    const quota = { name: "events", key: "busy", windowMs: 60_000 };
    for (let i = 1; i < EVENT_REQUESTS_PER_MINUTE; i += 1) {
      await takeToken(env, { ...quota, quota: EVENT_REQUESTS_PER_MINUTE });
    }
    expect((await hub.call("", bearer(busy))).status).toBe(200);
    const refused = await hub.call("", { ...bearer(busy), ...SSE });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(await code(refused)).toEqual([429, "rate_limited"]);
    expect((await hub.call("", bearer(alice))).status).toBe(200);
  });

  test("a client that the hub refuses", async () => {
    const hub = new FakeHub();
    for (const [refusal, answer] of [
      [() => new Response(null, { status: 401 }), [401, "unauthorized"]],
      [() => new Response(null, { status: 503 }), [503, "unavailable"]],
      [() => new Response(null, { status: 500 }), [503, "unavailable"]],
    ] as const) {
      hub.refusal = refusal;
      for (const headers of [{}, SSE]) {
        expect(await code(await hub.call("", { ...bearer(alice), ...headers }))).toEqual(answer);
      }
    }
    hub.refusal = () => {
      throw new Error("overloaded");
    };
    const response = await hub.call("", bearer(alice));
    expect(response.headers.get("Retry-After")).toBe("5");
    expect(await code(response)).toEqual([503, "unavailable"]);
  });
});

test("a page may send Last-Event-ID from its origin", async () => {
  const response = await callWorker("/events", {
    method: "OPTIONS",
    headers: {
      Origin: PAGE_ORIGIN,
      "Access-Control-Request-Method": "GET",
      "Access-Control-Request-Headers": "authorization, last-event-id",
    },
  });
  expect(response.status).toBe(204);
  expect(response.headers.get("Access-Control-Allow-Origin")).toBe(PAGE_ORIGIN);
  expect(response.headers.get("Access-Control-Allow-Headers")?.toLowerCase()).toContain(
    "last-event-id",
  );
});
