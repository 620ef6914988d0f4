import { applyD1Migrations, createExecutionContext, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { createApp } from "./app.ts";
import { sync } from "./features/sync/index.ts";
import * as main from "./index.ts";
import { HUB_ADMIN_SCOPE } from "./platform/auth/principal.ts";
import { Problem, PROBLEM_TYPE } from "./platform/http/problem.ts";
import { hexOf } from "./protocol/bytes.ts";
import { ClientFrame, PONG_FRAME, ServerFrame } from "./protocol/frames.ts";
import { CLIENT_FRAME_MAX_BYTES, SIGNED_BODY_MAX_BYTES } from "./protocol/limits.ts";
import { SIGNED_EVENT_PAYLOADS, signBody } from "./protocol/signed-events.ts";
import { FakeDiscord } from "./testing/discord.ts";
import { testProvider, type TestProvider } from "./testing/tokens.ts";
import {
  mockOutside,
  PAGE_ORIGIN,
  SocketIoClient,
  StreamClient,
  upgradeSocketIo,
} from "./testing/worker.ts";

/**
 * Every request to any route, and every frame on any socket, gets an answer that the contract defines. The routes
 * are the mounted ones, and the names of fields and parameters come from the OpenAPI document, so a new one is
 * tested without a change here. A failure prints a seed and a path. docs/testing.md explains how to replay it, and
 * how to run for longer.
 */
const RUNS = Number(env.TEST_FUZZ_RUNS);
const REPLAY =
  env.TEST_FUZZ_SEED === ""
    ? {}
    : { seed: Number(env.TEST_FUZZ_SEED), path: env.TEST_FUZZ_PATH, endOnFailure: true };
const TIMEOUT_MS = 30_000 + RUNS * 200;

const GUILD = env.PRIMARY_GUILD_ID;
const BASE = "https://hub.test";
const ROOM = "200000000000000001";

const app = createApp();

let provider: TestProvider;
let interactionKey: CryptoKey;
let interactionEnv: typeof env;
/** Each run is another user, so that no limit is used up. */
let people = 0;
const failures: string[] = [];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  const pair = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  interactionKey = pair.privateKey;
  const raw = new Uint8Array((await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer);
  interactionEnv = { ...env, DISCORD_PUBLIC_KEY: hexOf(raw) } as typeof env;
});

beforeEach(() => {
  const discord = new FakeDiscord();
  discord.addChannel("a room", "", { id: ROOM });
  mockOutside(provider, (request) =>
    request.url.startsWith("https://discord.test/")
      ? discord.answer(request)
      : Response.json({ errors: [] }, { status: 404 }),
  );
  failures.length = 0;
  vi.spyOn(console, "info").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation((line: unknown) => {
    failures.push(String(line));
  });
  for (const object of [
    main.GuildHub,
    main.HubRelay,
    main.DiscordRest,
    main.RateLimiter,
    main.GatewayMonitor,
    main.MatchRoom,
  ]) {
    watch(object);
  }
});

afterAll(() => {
  vi.restoreAllMocks();
});

/** Records what any handler or method of a Durable Object throws. */
function watch(object: { readonly name: string; readonly prototype: object }): void {
  for (
    let { prototype } = object;
    prototype !== null && Object.getPrototypeOf(prototype) !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name === "constructor" || typeof value !== "function" || vi.isMockFunction(value))
        continue;
      const method = value as (...args: unknown[]) => unknown;
      vi.spyOn(prototype as Record<string, typeof method>, name).mockImplementation(function (
        this: unknown,
        ...args
      ) {
        const note = (error: unknown): never => {
          failures.push(`${object.name}.${name} threw ${String(error)}`);
          throw error;
        };
        try {
          const result = method.apply(this, args);
          return result instanceof Promise ? result.catch(note) : result;
        } catch (error) {
          return note(error);
        }
      });
    }
  }
}

// ---- the inputs ------------------------------------------------------------------------------

const Operation = z.object({
  parameters: z
    .array(z.object({ name: z.string(), in: z.enum(["query", "path", "header"]) }))
    .default([]),
  responses: z.record(z.string(), z.unknown()),
});
const Document = z.object({
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.unknown(),
});

const document = Document.parse(await (await app.request("/openapi.json", {}, env)).json());

/** Every route of the app, also those that are not in the document, such as `/ws`. */
const ROUTES = new Map(
  app.routes
    .filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
    .map(({ method, path }) => {
      const inDocument = path.replaceAll(/:(\w{1,40})/g, "{$1}");
      const operation = document.paths[inDocument]?.[method.toLowerCase()];
      return [`${method} ${path}`, { method, path, operation }] as const;
    }),
);
type Route = typeof ROUTES extends Map<string, infer One> ? One : never;

/** Names of fields, and values of enumerations, anywhere in the document. */
const NAMES = new Set(["__proto__", "constructor", "toString", "", "guild.id", "a/b~c"]);
const WORDS = new Set<string>(SIGNED_EVENT_PAYLOADS.keys());
const collect = (node: unknown): void => {
  if (typeof node !== "object" || node === null) return;
  if ("properties" in node)
    for (const name of Object.keys(Object(node.properties))) NAMES.add(name);
  if ("enum" in node && Array.isArray(node.enum)) {
    for (const word of node.enum) WORDS.add(String(word));
  }
  if ("const" in node) WORDS.add(String(node.const));
  for (const inner of Object.values(node)) collect(inner);
};
collect(document);
for (const name of [
  "events",
  "event",
  "payload",
  "epoch",
  "seq",
  "ts",
  "type",
  "data",
  "options",
]) {
  NAMES.add(name);
}

const DEEP = 30_000;
const oddText = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "9007199254740993",
    "NaN",
    "null",
    "undefined",
    "[object Object]",
    "__proto__",
    "..",
    "%",
    "\u0000",
    "\ud800",
    "\u202e\u200b",
    "🦊".repeat(60),
    "'; DROP TABLE rooms; --",
    "x".repeat(300),
    "x".repeat(5_000),
    "2026-11-29T00:00:00Z",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "1.m-1",
    GUILD,
    ROOM,
  ),
  fc.constantFrom(...WORDS),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 20 }),
);
const oddNumber = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 1e308, 5e-324),
  fc.integer(),
  fc.constant(Date.now()),
);
const { value: oddValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    oddText,
    oddNumber,
    fc.constantFrom(true, false, null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 7 }),
  ),
}));
/** A valid envelope, so that the code behind its check is reached. */
const oddEvent = fc.record(
  {
    id: oddText,
    event: fc.constantFrom(...SIGNED_EVENT_PAYLOADS.keys()),
    payload: fc.dictionary(fc.constantFrom(...NAMES), oddValue, { maxKeys: 7 }),
    ts: oddNumber,
    epoch: oddText,
    seq: oddNumber,
  },
  { requiredKeys: ["event", "payload"] },
);
const oddWebhook = fc.record({
  event: fc.constantFrom("match_status_ready", "match_status_finished", "match_object_created"),
  payload: fc.dictionary(fc.constantFrom(...NAMES, "id", "teams", "roster"), oddValue),
  event_id: oddText,
});
const oddInteraction = fc.record({
  type: fc.constantFrom(1, 2, 3, 4, 5, -1, "2"),
  id: oddText,
  token: oddText,
  guild_id: oddText,
  member: fc.record({ user: fc.record({ id: oddText, username: oddText }), permissions: oddText }),
  data: fc.record({
    name: fc.constantFrom("link", "unlink", "whois", "register", "match", "nothing"),
    type: oddNumber,
    options: fc.array(fc.record({ name: oddText, type: oddNumber, value: oddValue })),
  }),
});
const text = (value: unknown): string => JSON.stringify(value) ?? "null";
/** Bodies for the routes that are guarded by a signature or a secret. */
const shaped = fc.record({
  "/internal/events": fc.oneof(oddEvent, fc.record({ events: fc.array(oddEvent) })).map(text),
  "/faceit-webhook": oddWebhook.map(text),
  "/interactions": oddInteraction.map(text),
});
const oddBody: fc.Arbitrary<string | Uint8Array<ArrayBuffer>> = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(fc.constantFrom(...NAMES), oddValue).map(text) },
  { weight: 1, arbitrary: oddValue.map(text) },
  { weight: 1, arbitrary: oddText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "{",
      '{"a":1,"a":2}',
      '\ufeff{"guildId":null}',
      "{'a':1}",
      '{"userLimit":1e999}',
      `{"events":[{"event":"room.created","payload":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}]}`,
      `{"guildId":${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}}`,
      "x".repeat(SIGNED_BODY_MAX_BYTES + 1),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes)),
  },
);

/** The value of a header: bytes without control characters. */
const fieldValue = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((n) => String.fromCharCode(n)) }),
  fc.constantFrom("", ",", ";", '"', "a".repeat(8_000), "*", "bytes=0-1,5-", 'W/"x"', "\xff\xfe"),
);
const base64url = (value: unknown): string =>
  btoa(unescape(encodeURIComponent(text(value)).replaceAll("%00", "")))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const TYPES = [
  "application/json",
  "application/json ; charset=UTF-8",
  "application/json;",
  "application/jsonp",
  "application/json, application/json",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "multipart/form-data; boundary=",
  "text/plain; charset=utf-16",
] as const;
const HEADERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  Accept: fc.oneof(fc.constantFrom("text/event-stream", "text/html", "*/*"), fieldValue),
  Origin: fc.oneof(fc.constantFrom(PAGE_ORIGIN, "null", "https://evil.test"), fieldValue),
  "Access-Control-Request-Method": fieldValue,
  "Idempotency-Key": fieldValue,
  "X-Idempotency-Key": fieldValue,
  "Last-Event-ID": fc.oneof(fc.constantFrom("E:1", ":", "E:9007199254740993"), fieldValue),
  Cookie: fc.oneof(fc.constantFrom("__Host-guildhub-link=%zz", "=;=;a==b", "link=%00"), fieldValue),
  Range: fieldValue,
  "If-None-Match": fieldValue,
  "If-Modified-Since": fieldValue,
  "Content-Encoding": fc.constantFrom("gzip", "br", "identity, gzip", "nonsense"),
  "Accept-Encoding": fieldValue,
  "CF-Connecting-IP": fc.oneof(fc.constantFrom("::1", "1.2.3.4, 5.6.7.8", "not one"), fieldValue),
  "X-Forwarded-For": fieldValue,
  traceparent: fc.oneof(
    fc.constantFrom("00-0-0-0", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`),
    fieldValue,
  ),
  "Sec-Fetch-Site": fc.oneof(fc.constant("same-origin"), fieldValue),
  "Sec-WebSocket-Protocol": fieldValue,
  "X-Hub-Timestamp": fieldValue,
  "X-Hub-Signature": fieldValue,
  "X-Signature-Ed25519": fieldValue,
  "X-Signature-Timestamp": fieldValue,
  "X-HTTP-Method-Override": fc.constantFrom("DELETE", "nonsense"),
};

/** The sender of a request. Also the claims and the header of a signed token may be odd. */
const who = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("good" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("signed" as const),
      claims: fc.dictionary(
        fc.constantFrom("aud", "exp", "nbf", "iat", "guilds", "scope", "scp", "discord_id", "jti"),
        oddValue,
        { maxKeys: 3 },
      ),
      header: fc.dictionary(fc.constantFrom("kid", "typ", "cty"), oddValue, { maxKeys: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("forged" as const),
      header: fc.dictionary(
        fc.constantFrom("alg", "typ", "kid", "jku", "jwk", "crit", "b64"),
        fc.oneof(oddValue, fc.constantFrom("RS256", "ES256", "none", "HS256", "key-1")),
      ),
      claims: oddValue,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("raw" as const),
      value: fc.oneof(
        fieldValue,
        fieldValue.map((value) => `Bearer ${value}`),
        fc.constantFrom("Bearer", "Bearer ..", "Bearer a.b.c", `Bearer ${"-eyJ".repeat(2_000)}`),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("nobody" as const) }) },
);
type Who = typeof who extends fc.Arbitrary<infer Value> ? Value : never;

async function authorization(asked: Who): Promise<string | undefined> {
  people += 1;
  const sub = `fuzz-${people}`;
  switch (asked.kind) {
    case "nobody":
      return undefined;
    case "raw":
      return asked.value;
    case "forged":
      return `Bearer ${base64url(asked.header)}.${base64url(asked.claims)}.c2ln`;
    case "signed":
      // A token that cannot be signed is not sent.
      return provider.mint({ sub, ...asked.claims }, asked.header).then(
        (token) => `Bearer ${token}`,
        () => undefined,
      );
    case "good": {
      const scope = `rooms:manage ${HUB_ADMIN_SCOPE}`;
      return `Bearer ${await provider.mint({ sub, scope, discord_id: "300" })}`;
    }
  }
}

const part = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(GUILD, ROOM, "1", "open", "m-1") },
  fc.constantFrom(
    GUILD,
    ROOM,
    "123",
    "m-1",
    "%00",
    "%ff",
    "%zz",
    "%",
    "%2e%2e",
    "%2F",
    "constructor",
  ),
  oddText.map((value) => encodeURIComponent(value.toWellFormed()).slice(0, 2_000)),
);
/** Mostly null, which stands for a valid value, so that requests pass this check. */
const rarely = <Value>(odd: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: odd });

const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "PURGE"];
const oddRequest = fc.record({
  route: fc.constantFrom(...ROUTES.keys()),
  /** null: the method of the route. */
  method: rarely(fc.constantFrom(...METHODS)),
  parts: fc.array(part, { minLength: 3, maxLength: 3 }),
  elsewhere: rarely(fc.constantFrom("/", "//", "/..", "/%zz", "/%00", ";a=b")),
  query: fc.array(fc.record({ nth: fc.nat(9), odd: rarely(oddText), value: part }), {
    maxLength: 5,
  }),
  headers: fc
    .dictionary(fc.constantFrom(...Object.keys(HEADERS)), fc.nat(), { maxKeys: 5 })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(Object.keys(chosen).map((name) => [name, HEADERS[name] ?? fieldValue])),
      ),
    ),
  type: fc.oneof(
    { weight: 2, arbitrary: fc.constant("application/json") },
    { weight: 1, arbitrary: fc.constantFrom(...TYPES) },
    { weight: 1, arbitrary: fieldValue },
  ),
  who,
  body: fc.option(oddBody, { freq: 6 }),
  /** Whether the request has the valid upgrade or signature that the route requires. */
  isGuarded: fc.boolean(),
  shaped,
});
type OddRequest = typeof oddRequest extends fc.Arbitrary<infer Value> ? Value : never;

async function toRequest(route: Route, odd: OddRequest): Promise<Request> {
  const { parts, query, elsewhere } = odd;
  const method = odd.method ?? route.method;
  let nth = 0;
  const path = route.path.replaceAll(/:\w{1,40}/g, () => parts[nth++] ?? "");
  const names = ["ticket", ...(route.operation?.parameters ?? []).map(({ name }) => name)];
  const search = query.map(
    ({ nth: n, odd: name, value }) =>
      `${encodeURIComponent((name ?? names[n % names.length] ?? "").toWellFormed())}=${value}`,
  );
  // A long poll would wait otherwise.
  if (route.path === "/events") search.push("wait=0");
  const headers = new Headers(odd.headers as Record<string, string>);
  if (odd.type !== null) headers.set("Content-Type", odd.type);
  const token = await authorization(odd.who);
  if (token !== undefined) headers.set("Authorization", token);
  if (route.path === "/ws" && odd.isGuarded) headers.set("Upgrade", "websocket");
  if (!headers.has("CF-Connecting-IP")) headers.set("CF-Connecting-IP", `2001:db8:${people}::1`);
  const own = odd.isGuarded && isShaped(route.path) ? odd.shaped[route.path] : odd.body;
  const body = method === "GET" || method === "HEAD" ? null : own;
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (odd.isGuarded && bytes !== null) {
    for (const [name, value] of Object.entries(await signatures(route.path, bytes))) {
      headers.set(name, value);
    }
  }
  const url = `${BASE}${path}${elsewhere ?? ""}${search.length === 0 ? "" : `?${search.join("&")}`}`;
  return new Request(url, { method, headers, body: bytes, redirect: "manual" });
}

function isShaped(path: string): path is keyof OddRequest["shaped"] {
  return path === "/internal/events" || path === "/faceit-webhook" || path === "/interactions";
}

/** Valid signatures, so that the code behind their check is reached. */
async function signatures(path: string, bytes: Uint8Array): Promise<Record<string, string>> {
  switch (path) {
    case "/internal/events":
      return signBody([env.HUB_SECRET], bytes, Date.now());
    case "/faceit-webhook":
      return { "X-Webhook-Secret": "test-webhook-secret-0123456789-0123456" };
    case "/interactions": {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signed = new Uint8Array([...new TextEncoder().encode(timestamp), ...bytes]);
      const mac = new Uint8Array(await crypto.subtle.sign("Ed25519", interactionKey, signed));
      return { "X-Signature-Timestamp": timestamp, "X-Signature-Ed25519": hexOf(mac) };
    }
    default:
      return {};
  }
}

async function send(request: Request): Promise<Response> {
  if (!request.headers.has("X-Signature-Ed25519")) return exports.default.fetch(request);
  return app.fetch(request, interactionEnv, createExecutionContext());
}

/** A failure of sync (sync.md §1), or of Engine.IO where its clients connect. */
const SyncFailure = z.union([
  z.looseObject({ error: z.string().min(1) }),
  z.strictObject({ code: z.number().int(), message: z.string().min(1) }),
]);

async function checkAnswer(
  route: Route,
  odd: OddRequest,
  request: Request,
  response: Response,
): Promise<void> {
  const { status, headers } = response;
  if (status === 101) {
    const socket = response.webSocket;
    socket?.accept();
    socket?.close(1000);
    return;
  }
  expect(headers.get("X-Request-Id")).toMatch(/^[\da-f-]{36}$/);
  const isHead = request.method === "HEAD";
  const type = headers.get("Content-Type") ?? "";
  // Where there is no such path, the owner of its beginning answers.
  const isSync = sync.owns(new URL(request.url).pathname);
  const isSyncFailure = isSync && status >= 400 && type.startsWith("application/json") && !isHead;
  if (isSyncFailure) {
    SyncFailure.parse(await response.json());
  } else if (type === PROBLEM_TYPE && !isHead) {
    const problem = Problem.parse(await response.json());
    expect(problem.status).toBe(status);
    expect(problem.code).not.toBe("internal");
  } else await response.body?.cancel();
  if (status >= 500) expect([502, 503]).toContain(status);
  if (status >= 400 && !isHead) {
    const isPage = route.path.startsWith("/faceit/") && type.startsWith("text/html");
    const isReady = route.path === "/ready" && status === 503;
    expect(isPage || isReady || isSyncFailure || type === PROBLEM_TYPE).toBe(true);
  }
  const { operation } = route;
  const { body } = request;
  const isTheRoute = odd.elsewhere === null && request.method === route.method;
  const isGone = odd.parts.some((one) => /^$|%2e|%2f|%5c|^\.|%2E|%2F/.test(one));
  if (operation !== undefined && isTheRoute && !isGone) {
    // An operation without a body can still refuse a body that is too large.
    const named = [...Object.keys(operation.responses), ...(body === null ? [] : ["413"])];
    expect(named).toContain(String(status));
  }
}

test(
  "any request to any route gets an answer that the contract defines",
  { timeout: TIMEOUT_MS },
  async () => {
    expect(ROUTES.size).toBeGreaterThan(20);
    await fc.assert(
      fc.asyncProperty(oddRequest, async (odd) => {
        failures.length = 0;
        const route = ROUTES.get(odd.route);
        if (route === undefined) throw new Error("the route does not exist");
        const request = await toRequest(route, odd);
        const response = await send(request);
        expect([...failures]).toEqual([]);
        await checkAnswer(route, odd, request, response);
      }),
      { numRuns: RUNS, ...REPLAY },
    );
    await runDurableObjectAlarm(env.HUB.get(env.HUB.idFromName(GUILD)));
    expect([...failures]).toEqual([]);
  },
);

describe("any frame on a socket is answered, accepted or closes it", () => {
  const field = fc.oneof(
    oddValue,
    fc.nat(3),
    fc.array(fc.oneof(fc.constantFrom(ROOM, "1"), oddText), { maxLength: 120 }),
  );
  const frame = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .record(
          {
            type: fc.oneof(fc.constantFrom("auth", "ack", "reauth", "subscribe", "ping"), oddText),
            token: field,
            seq: field,
            epoch: field,
            channelIds: field,
          },
          { requiredKeys: ["type"] },
        )
        .map(text),
    },
    {
      weight: 4,
      arbitrary: fc
        .oneof(
          fc.record({ type: fc.constant("ack"), seq: fc.nat(3) }),
          fc.record({
            type: fc.constant("subscribe"),
            channelIds: fc.array(fc.constantFrom(ROOM, "1"), { maxLength: 3 }),
          }),
          fc.record({ type: fc.constantFrom("auth", "reauth"), token: oddText }),
        )
        .map(text),
    },
    { weight: 1, arbitrary: oddValue.map(text) },
    { weight: 1, arbitrary: oddText },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Uint8Array.from(bytes)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "x".repeat(CLIENT_FRAME_MAX_BYTES),
        "x".repeat(CLIENT_FRAME_MAX_BYTES + 1),
        `{"type":"ack","seq":${"[".repeat(8_000)}${"]".repeat(8_000)}}`,
        new Uint8Array(CLIENT_FRAME_MAX_BYTES + 1),
      ),
    },
  );

  /** Whether the hub may accept a frame without an answer of its own. */
  function isSilent(sent: string | Uint8Array, isWaiting: boolean): boolean {
    if (typeof sent !== "string" || isWaiting) return false;
    try {
      const parsed = ClientFrame.safeParse(JSON.parse(sent));
      return parsed.success && (parsed.data.type === "subscribe" || parsed.data.type === "ack");
    } catch {
      return false;
    }
  }

  test.each(["authenticated", "waiting"] as const)("%s", { timeout: TIMEOUT_MS }, async (state) => {
    const isWaiting = state === "waiting";
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { minLength: 1, maxLength: 6 }),
        fc.array(fc.record({ nth: fc.nat(3), value: part }), { maxLength: 3 }),
        async (sent, query) => {
          failures.length = 0;
          const names = ["epoch", "seq", "batch", "signals"];
          const search = query.map(({ nth, value }) => `${names[nth]}=${value}`).join("&");
          const token = isWaiting ? undefined : await authorization({ kind: "good" });
          const { status, webSocket } = await exports.default.fetch(`${BASE}/ws?${search}`, {
            headers: {
              Upgrade: "websocket",
              "CF-Connecting-IP": `2001:db8:${(people += 1)}::1`,
              ...(token === undefined ? {} : { Authorization: token }),
            },
          });
          expect(status).toBe(101);
          if (webSocket === null) throw new Error("the upgrade has no socket");
          const client = new StreamClient(webSocket);
          if (!isWaiting) {
            await client.until(({ frames }) =>
              frames.some(({ type }) => type === "snapshot" || type === "resumed"),
            );
          }
          for (const one of sent) {
            if (client.closed !== null) break;
            const before = client.frames.length;
            if (typeof one === "string") client.send(one);
            else client.sendBytes(one);
            // This acknowledgement always gets an error frame, which shows that both frames were handled.
            if (isSilent(one, isWaiting)) client.send('{"type":"ack","seq":9007199254740991}');
            await client.until(({ frames, closed }) => closed !== null || frames.length > before);
          }
          for (const frameText of client.texts) {
            if (frameText !== PONG_FRAME) ServerFrame.parse(JSON.parse(frameText));
          }
          if (client.closed === null) client.close();
          else expect([1009, 1013, 4401, 4403, 4408, 4429, 4499]).toContain(client.closed.code);
          expect([...failures]).toEqual([]);
        },
      ),
      { numRuns: Math.ceil(RUNS / 6), ...REPLAY },
    );
  });
});

describe("any packet of Socket.IO is answered, accepted or closes its connection", () => {
  const name = fc.oneof(
    fc.constantFrom(
      "reauth",
      "subscribe",
      "connect",
      "disconnect",
      "snapshot",
      "close",
      "toString",
    ),
    oddText,
  );
  const said = fc
    .tuple(name, fc.array(fc.oneof(oddValue, fc.array(oddText)), { maxLength: 3 }))
    .map(([event, args]) => text([event, ...args]));
  const auth = fc
    .record(
      { token: oddValue, guildId: oddValue, signals: oddValue, pid: oddValue, offset: oddValue },
      { requiredKeys: [] },
    )
    .map(text);
  const types = fc.constantFrom(
    ..."0123456b".split(""),
    ..."40 41 42 43 44 45 46 420 430 4299999999999999999999 40/admin, 42/admin, 451- 450-".split(
      " ",
    ),
  );
  const frame = fc.oneof(
    { weight: 4, arbitrary: said.map((one) => `42${one}`) },
    { weight: 2, arbitrary: auth.map((one) => `40${one}`) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(types, fc.oneof(fc.constant(""), said, auth, oddValue.map(text), oddText))
        .map((parts) => parts.join("")),
    },
    { weight: 1, arbitrary: oddText },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Uint8Array.from(bytes)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        `42${"x".repeat(CLIENT_FRAME_MAX_BYTES - 2)}`,
        "4".repeat(CLIENT_FRAME_MAX_BYTES + 1),
        `42["subscribe",${"[".repeat(8_000)}${"]".repeat(8_000)}]`,
        new Uint8Array(CLIENT_FRAME_MAX_BYTES + 1),
      ),
    },
  );
  /** The handshake, a ping, CONNECT, an event, or CONNECT_ERROR of any namespace. */
  const OURS = /^(?:0\{|2$|41$|40\{|42\["|44(?:\/[^,]*,)?\{)/;

  test.each(["connected", "waiting"] as const)("%s", { timeout: TIMEOUT_MS }, async (state) => {
    const reached = { answered: 0, closed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (sent) => {
        failures.length = 0;
        const token = (await authorization({ kind: "good" }))?.slice("Bearer ".length);
        const { webSocket } = await upgradeSocketIo({
          "CF-Connecting-IP": `2001:db8:${(people += 1)}::1`,
        });
        if (webSocket === null) throw new Error("the upgrade has no socket");
        const client = new SocketIoClient(webSocket);
        if (state === "connected") {
          client.send(`40${text({ token })}`);
          await client.until((one) => one.of("snapshot").length === 1);
        }
        for (const one of sent) {
          if (client.closed === null) client.send(one);
        }
        // Both are always answered, which shows that what came before was handled: by the hub, and by the Worker.
        const [last, answer] =
          state === "connected"
            ? [`42${text(["reauth", { token }])}`, '42["reauth.ok"']
            : ["40/last,", "44/last,"];
        if (client.closed === null) client.send(last);
        await client.until(
          ({ texts, closed }) => closed !== null || texts.some((one) => one.startsWith(answer)),
        );
        for (const one of client.texts) expect(one).toMatch(OURS);
        if (client.closed === null) {
          reached.answered += 1;
          client.close();
        } else {
          reached.closed += 1;
          expect([1000, 1009, 1013, 4401, 4403, 4429, 4499]).toContain(client.closed);
        }
        expect([...failures]).toEqual([]);
      }),
      { numRuns: Math.ceil(RUNS / 6), ...REPLAY },
    );
    if (RUNS >= 600) expect(Math.min(reached.answered, reached.closed)).toBeGreaterThan(0);
  });
});
