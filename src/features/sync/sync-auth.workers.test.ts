import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import { decodeJwt } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { createApp } from "../../app.ts";
import { clientNetwork } from "../../platform/client-network.ts";
import { countedAs } from "../../platform/http/limit-user.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import {
  SYNC_BODY_MAX_BYTES,
  SYNC_OPEN_BODY_MAX_BYTES,
  SYNC_PAIRING_NOTED_EVERY_MS,
  SYNC_PAIRING_PICK_UP_MS,
  SYNC_PAIRING_POLLS_PER_MINUTE,
  SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS,
  SYNC_PAIRING_TTL_MS,
  SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS,
  SYNC_REQUESTS_PER_MINUTE,
  SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS,
  SYNC_SIGN_INS_PER_MINUTE_PER_KEY,
  SYNC_STATE_MAX_LENGTH,
  SYNC_TOKEN_REFRESH_MS,
} from "../../protocol/limits.ts";
import {
  type AccountKey,
  base64Of,
  newAccountKey,
  randomBase64,
} from "../../testing/account-key.ts";
import { publicKeyHex } from "./auth/account-keys.ts";
import { ephemeralToken } from "./auth/ephemeral-tokens.ts";
import { accountTokens } from "./auth/tokens.ts";
import { callerOf, failures } from "./http-dialect.ts";
import { sync } from "./index.ts";

const NOW = 1_800_000_000_000;
const MINUTE_MS = 60_000;
/** How long a pairing is kept that nobody approves: its last poll may not have been written down. */
const WAITS_MS = SYNC_PAIRING_TTL_MS + SYNC_PAIRING_NOTED_EVERY_MS;
const SECRET = env.HAPPY_MASTER_SECRET;

/** What the hubs of accounts were told. */
let told: { readonly account: string; readonly epoch: number; readonly input: unknown }[] = [];
/** Whether they cannot be reached. */
let areHubsAway = false;

/** The hubs of accounts, which only note what they are told. */
const USER_HUB = {
  getByName: (account: string) => ({
    command: async (_: string, { epoch, ...input }: { readonly epoch: number }) => {
      if (areHubsAway) throw new Error("the hub is away");
      told.push({ account, epoch, input });
      return { value: true };
    },
  }),
};

const app = createApp([sync]);

type Call = {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Variables beside those of all tests. */
  readonly variables?: object;
};

/** Each call comes from a network of its own, unless it names one. */
let networks = 0;

async function call(method: string, path: string, options: Call = {}): Promise<Response> {
  networks += 1;
  const { token, body, headers = {}, variables = {} } = options;
  const request = new Request(`https://hub.test${path}`, {
    method,
    headers: {
      "CF-Connecting-IP": `10.${networks >> 16}.${(networks >> 8) & 255}.${networks & 255}`,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return app.fetch(request, { ...env, USER_HUB, ...variables }, createExecutionContext());
}

const post = (path: string, body: unknown, options: Call = {}): Promise<Response> =>
  call("POST", path, { ...options, body });

/** Status and body. */
async function answerOf(response: Response): Promise<readonly [number, unknown]> {
  return [response.status, await response.json()];
}

const unauthorized = [401, { error: "Unauthorized" }];
const SignedIn = z.strictObject({ success: z.literal(true), token: z.string() });

async function signIn(key: AccountKey, options: Call = {}): Promise<string> {
  const response = await post("/v1/auth", await key.signs(), options);
  expect(response.status).toBe(200);
  return SignedIn.parse(await response.json()).token;
}

/** An account of this test's own, signed in. */
async function newAccount(): Promise<{ key: AccountKey; token: string; account: string }> {
  const key = await newAccountKey();
  const token = await signIn(key);
  return { key, token, account: userOf(token) };
}

const userOf = (token: string): string => z.string().parse(decodeJwt(token)["user"]);

/** Leaves so many requests of a limit. */
async function leave(
  requests: number,
  limit: { name: string; key: string; quota: number; windowMs: number },
): Promise<void> {
  const share = (limit.quota - requests) / limit.quota;
  await takeToken(env, { ...limit, quota: 1, windowMs: limit.windowMs * share });
}

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  told = [];
  areHubsAway = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("POST /v1/auth (sync.md §2.1)", () => {
  it("creates the account of a key once, also for two requests at once", async () => {
    const key = await newAccountKey();
    const tokens = await Promise.all([signIn(key), signIn(key)]);
    vi.setSystemTime(NOW + 5_000);
    const accounts = new Set([...tokens, await signIn(key)].map(userOf));
    expect(accounts.size).toBe(1);
    const row = await env.DB.prepare(`SELECT * FROM Account WHERE publicKey = ?`)
      .bind(publicKeyHex(key.publicKey))
      .first();
    expect(row).toMatchObject({
      id: [...accounts][0],
      tokenEpoch: 0,
      seq: 0,
      feedSeq: 0,
      settingsVersion: 0,
      createdAt: NOW,
      updatedAt: NOW + 5_000,
    });
  });

  it("gives accounts ids in the order in which they came", async () => {
    const first = await newAccount();
    vi.setSystemTime(NOW + 1);
    expect((await newAccount()).account > first.account).toBe(true);
  });

  it("gives a token that says nothing of a pairing", async () => {
    const { token } = await newAccount();
    expect(decodeJwt(token)).toEqual({
      iss: "handy",
      iat: NOW / 1000,
      user: expect.any(String),
      epoch: 0,
    });
  });

  it.each(["publicKey", "challenge", "signature"])(
    "answers 400 when %s is absent, empty or no text",
    async (name) => {
      const good = await (await newAccountKey()).signs();
      for (const value of [undefined, "", null, 1, {}, ["x"]]) {
        const response = await post("/v1/auth", { ...good, [name]: value });
        expect(await answerOf(response)).toEqual([
          400,
          { error: expect.stringContaining(name) as string },
        ]);
      }
    },
  );

  it("answers 401 to what is malformed, of another length, or signed by another key", async () => {
    const [key, other] = [await newAccountKey(), await newAccountKey()];
    const good = await key.signs();
    const url = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_");
    let urlSafe = good;
    while (url(urlSafe.signature) === urlSafe.signature) urlSafe = await key.signs();
    const wrong = [
      { publicKey: other.publicKey },
      { challenge: randomBase64(32) },
      { signature: (await other.signs()).signature },
      { publicKey: randomBase64(31) },
      { publicKey: randomBase64(33) },
      { signature: randomBase64(63) },
      { signature: randomBase64(65) },
      { ...urlSafe, signature: url(urlSafe.signature) },
      { publicKey: good.publicKey.replace(/=$/, "") },
      { challenge: good.challenge.replace(/=$/, "") },
      { challenge: "no base64!" },
      // A key that needs no secret, and a signature that anybody can write for it.
      {
        publicKey: base64Of(Uint8Array.of(1, ...new Uint8Array(31))),
        signature: base64Of(Uint8Array.of(1, ...new Uint8Array(63))),
      },
    ];
    for (const change of wrong) {
      const response = await post("/v1/auth", { ...good, ...change });
      expect(await answerOf(response)).toEqual([401, { error: "Invalid signature" }]);
    }
    const rows = await env.DB.prepare(`SELECT id FROM Account WHERE publicKey IN (?, ?)`)
      .bind(publicKeyHex(key.publicKey), publicKeyHex(other.publicKey))
      .all();
    expect(rows.results).toEqual([]);
  });

  it("answers 400 to what is no JSON, and 413 to more than a sign-in needs", async () => {
    expect((await post("/v1/auth", "{")).status).toBe(400);
    expect((await call("POST", "/v1/auth")).status).toBe(400);
    expect((await post("/v1/auth", "[]")).status).toBe(400);
    const long = await (await newAccountKey()).signs();
    const fits = JSON.stringify(long).padEnd(SYNC_OPEN_BODY_MAX_BYTES, " ");
    expect((await post("/v1/auth", fits)).status).toBe(200);
    expect((await post("/v1/auth", `${fits} `)).status).toBe(413);
  });

  it("answers 400 to a body that is not UTF-8", async () => {
    const latin = Uint8Array.from('{"publicKey":"\u00e9"}', (text) => text.charCodeAt(0));
    const request = new Request("https://hub.test/v1/auth", { method: "POST", body: latin });
    const answer = await createApp([sync]).fetch(request, env, createExecutionContext());
    expect(await answerOf(answer)).toEqual([400, { error: "The body must be JSON." }]);
  });

  it("is found behind several slashes: HAPPY_SERVER_URL may end with one", async () => {
    const signed = await (await newAccountKey()).signs();
    for (const path of ["//v1/auth", "///v1/auth"]) {
      expect((await post(path, signed)).status).toBe(200);
    }
    expect((await post("//v1/auth/request", { publicKey: randomBase64(32) })).status).toBe(200);
    expect((await post("//v1//auth", signed)).status).toBe(404);
    const elsewhere = await call("GET", "//openapi.json");
    expect(elsewhere.status).toBe(404);
  });

  it("reads a body without a type, as old clients send it", async () => {
    const body = JSON.stringify(await (await newAccountKey()).signs());
    const headers = { "Content-Type": "text/plain" };
    expect((await post("/v1/auth", body, { headers })).status).toBe(200);
  });

  it("is limited for a network, before the body is read", async () => {
    const headers = { "CF-Connecting-IP": "192.0.2.1" };
    const key = clientNetwork("192.0.2.1");
    const quota = SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS;
    await leave(1, { name: "sync-sign-in", key, quota, windowMs: MINUTE_MS });
    expect((await post("/v1/auth", "{", { headers })).status).toBe(400);
    const refused = await post("/v1/auth", "{", { headers });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(await refused.json()).toEqual({ error: expect.any(String) });
    expect((await post("/v1/auth", "{")).status).toBe(400);
  });

  it("is limited for a key, which others cannot use up", async () => {
    const key = await newAccountKey();
    const limit = {
      name: "sync-sign-in-key",
      key: publicKeyHex(key.publicKey) ?? "",
      quota: SYNC_SIGN_INS_PER_MINUTE_PER_KEY,
      windowMs: MINUTE_MS,
    };
    await leave(1, limit);
    const foreign = { ...(await key.signs()), challenge: randomBase64(32) };
    expect((await post("/v1/auth", foreign)).status).toBe(401);
    await signIn(key);
    expect((await post("/v1/auth", await key.signs())).status).toBe(429);
  });
});

describe("the HTTP dialect of sync (sync.md §1)", () => {
  const guarded = (token?: string, headers?: Record<string, string>): Promise<Response> =>
    call("POST", "/v1/auth/revoke", {
      ...(token === undefined ? {} : { token }),
      ...(headers === undefined ? {} : { headers }),
    });

  it("answers every missing or bad token with the same 401", async () => {
    const { account } = await newAccount();
    const other = "another-sync-secret-0123456789-0123456789";
    const bad = [
      await guarded(),
      await guarded("no-token"),
      await guarded("", { Authorization: "Basic abc" }),
      await guarded("", { Authorization: "Bearer " }),
      await guarded(await accountTokens(other, null).create({ account, epoch: 0 }, NOW)),
      await guarded(await ephemeralToken(SECRET, account, "github-oauth-state", NOW)),
      await guarded(await accountTokens(SECRET, 1).create({ account, epoch: 0 }, NOW - 5_000)),
    ];
    for (const response of bad) {
      expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
      expect(await answerOf(response)).toEqual(unauthorized);
    }
    expect(told).toEqual([]);
  });

  it("does not take tokens of before the secret was changed", async () => {
    const { token } = await newAccount();
    const variables = { HAPPY_MASTER_SECRET: "newer-sync-secret-0123456789-0123456789" };
    const response = await call("POST", "/v1/auth/revoke", { token, variables });
    expect(await answerOf(response)).toEqual(unauthorized);
  });

  it("logs no part of the secret, and no token", async () => {
    const lines: string[] = [];
    for (const level of ["debug", "info", "log", "warn", "error"] as const) {
      vi.spyOn(console, level).mockImplementation((line) => void lines.push(String(line)));
    }
    const secret = "Zq7_vK3!mW9x-0123456789-abcdefghijk";
    const variables = { HAPPY_MASTER_SECRET: secret };
    const key = await newAccountKey();
    const signedIn = await post("/v1/auth", await key.signs(), { variables });
    const { token } = SignedIn.parse(await signedIn.json());
    await call("POST", "/v1/auth/refresh", { token, variables });
    await call("POST", "/v1/auth/refresh", { token: `${token}x`, variables });
    areHubsAway = true;
    expect((await call("POST", "/v1/auth/revoke", { token, variables })).status).toBe(500);
    expect(lines.length).toBeGreaterThan(0);
    const said = lines.join("\n");
    // The original logged the first four characters with each request.
    expect(said).not.toContain(secret.slice(0, 4));
    expect(said).not.toContain(token.slice(-20));
  });

  it("says which path is unknown, and which methods a path takes", async () => {
    for (const path of ["/v1", "/v1/nothing", "/v2/sessions/x/y", "/v3/z"]) {
      expect(await answerOf(await call("GET", path))).toEqual([
        404,
        { error: `Not found: ${path}` },
      ]);
    }
    const method = await call("GET", "/v1/auth");
    expect([method.status, method.headers.get("Allow")]).toEqual([405, "POST"]);
    expect(await method.json()).toEqual({ error: expect.any(String) });
  });

  it("lets pages of any origin call, without cookies", async () => {
    const preflight = await call("OPTIONS", "/v1/auth", {
      headers: {
        Origin: "https://elsewhere.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-happy-client",
      },
    });
    const { headers, status } = preflight;
    expect(status).toBe(204);
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://elsewhere.test");
    expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
    expect(headers.get("Access-Control-Allow-Methods")).toBe("GET,POST,PUT,DELETE,PATCH");
    const allowed = headers.get("Access-Control-Allow-Headers")?.split(",");
    expect(allowed).toEqual(
      expect.arrayContaining([
        "Authorization",
        "Content-Type",
        "X-Requested-With",
        "X-Request-Id",
        "X-Client-Version",
        "X-Correlation-Id",
        "X-Happy-Client",
      ]),
    );
    const refused = await call("POST", "/v1/auth/revoke", {
      headers: { Origin: "https://elsewhere.test" },
    });
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("https://elsewhere.test");
  });

  it("tells nothing about a bug but the id of the request", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    areHubsAway = true;
    const { token } = await newAccount();
    const response = await guarded(token);
    expect(await answerOf(response)).toEqual([
      500,
      {
        error: expect.not.stringContaining("away") as string,
        requestId: response.headers.get("X-Request-Id"),
      },
    ]);
  });

  it("takes bodies up to its limit", async () => {
    const { token } = await newAccount();
    const body = JSON.stringify({ publicKey: "x", response: "y" }).padEnd(SYNC_BODY_MAX_BYTES, " ");
    expect((await post("/v1/auth/response", body, { token })).status).toBe(401);
    const over = await post("/v1/auth/response", `${body} `, { token });
    expect(await answerOf(over)).toEqual([413, { error: expect.any(String) }]);
  });

  it("limits the requests of an account", async () => {
    const { token, account } = await newAccount();
    const quota = SYNC_REQUESTS_PER_MINUTE;
    const key = countedAs({ sub: account, epoch: 0 });
    await leave(1, { name: "sync-requests", key, quota, windowMs: MINUTE_MS });
    const body = { publicKey: randomBase64(32), response: "r" };
    expect((await post("/v1/auth/response", body, { token })).status).toBe(404);
    expect((await post("/v1/auth/response", body, { token })).status).toBe(429);
  });

  it("lets a token be revoked whose limit is used up, and counts the next ones anew", async () => {
    const { key: own, token, account } = await newAccount();
    const quota = SYNC_REQUESTS_PER_MINUTE;
    const key = countedAs({ sub: account, epoch: 0 });
    await leave(0, { name: "sync-requests", key, quota, windowMs: MINUTE_MS });
    const body = { publicKey: randomBase64(32), response: "r" };
    expect((await post("/v1/auth/response", body, { token })).status).toBe(429);
    expect((await post("/v1/auth/revoke", {}, { token })).status).toBe(200);
    const newer = await signIn(own);
    expect((await post("/v1/auth/response", body, { token: newer })).status).toBe(404);
    expect((await post("/v1/auth/response", body, { token })).status).toBe(429);
  });

  it("takes a token without an epoch as a revoked one", () => {
    expect(callerOf({ sub: "01ANN", epoch: 3 })).toEqual({ account: "01ANN", epoch: 3 });
    expect(callerOf({ sub: "01ANN" }).epoch).toBeLessThan(0);
  });

  it("declares the failures of an operation, one entry for a status", () => {
    const declared = failures("invalid_request", "invalid_json");
    expect(Object.keys(declared)).toEqual(["400", "429", "500", "503"]);
    expect(declared[400]?.description).toBe("The request is not valid; The body is not JSON");
  });

  it("is described in the OpenAPI document", async () => {
    const document = await (await call("GET", "/openapi.json")).json<{ paths: object }>();
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        "/v1/auth",
        "/v1/auth/request",
        "/v1/auth/request/status",
        "/v1/auth/response",
        "/v1/auth/account/request",
        "/v1/auth/account/response",
        "/v1/auth/revoke",
        "/v1/auth/refresh",
      ]),
    );
  });
});

/** Both pairings are alike (sync.md §0b.8). */
describe.each([
  ["a terminal (sync.md §2.3)", "/v1/auth", "TerminalAuthRequest"],
  ["a phone (sync.md §2.4)", "/v1/auth/account", "AccountAuthRequest"],
])("pairing %s", (_, path, table) => {
  const isTerminal = table === "TerminalAuthRequest";
  const requested = [200, { state: "requested" }];
  const success = [200, { success: true }];
  const notAsked = [404, { error: "Request not found" }];
  const ask = async (publicKey: unknown, more: object = {}, options: Call = {}) =>
    answerOf(await post(`${path}/request`, { publicKey, ...more }, options));
  const approve = async (token: string, publicKey: unknown, response: unknown) =>
    answerOf(await post(`${path}/response`, { publicKey, response }, { token }));
  const rowOf = (publicKey: string) =>
    env.DB.prepare(`SELECT * FROM ${table} WHERE publicKey = ?`)
      .bind(publicKeyHex(publicKey))
      .first<{ id: string; createdAt: number; pickedUpAt: number | null }>();
  const statusOf = async (publicKey: string) =>
    (
      await call("GET", `/v1/auth/request/status?publicKey=${encodeURIComponent(publicKey)}`)
    ).json();
  const Authorized = z.strictObject({
    state: z.literal("authorized"),
    token: z.string(),
    response: z.string(),
  });
  /** The answer to a poll of an approved pairing. */
  async function picked(publicKey: string): Promise<z.infer<typeof Authorized>> {
    const [status, body] = await ask(publicKey);
    expect(status).toBe(200);
    return Authorized.parse(body);
  }

  it("waits, and after its approval gives a token of the account with the response", async () => {
    const { token, account } = await newAccount();
    const publicKey = randomBase64(32);
    expect(await ask(publicKey)).toEqual(requested);
    expect(await ask(publicKey)).toEqual(requested);
    const response = randomBase64(200);
    expect(await approve(token, publicKey, response)).toEqual(success);
    const answer = await picked(publicKey);
    expect(answer.response).toBe(response);
    const session = (await rowOf(publicKey))?.id;
    expect(decodeJwt(answer.token)).toEqual({
      iss: "handy",
      iat: NOW / 1000,
      user: account,
      epoch: 0,
      ...(isTerminal ? { extras: { session } } : {}),
    });
    // The token works like one of the account's own key.
    const third = randomBase64(32);
    await ask(third);
    expect(await approve(answer.token, third, "r")).toEqual(success);
  });

  it("keeps the response as it came", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    const response = " \u0000é\u{1F600}\r\n\t{}\"'\\ ".padEnd(SYNC_STATE_MAX_LENGTH, "x");
    expect(await approve(token, publicKey, `${response}x`)).toMatchObject([400, {}]);
    expect(await approve(token, publicKey, "half of \ud83d")).toMatchObject([400, {}]);
    expect(await approve(token, publicKey, response)).toEqual(success);
    expect((await picked(publicKey)).response).toBe(response);
  });

  it("keeps the first of two approvals, also at once, and tells the second nothing", async () => {
    const [ann, bob] = [await newAccount(), await newAccount()];
    const publicKey = randomBase64(32);
    await ask(publicKey);
    expect(await approve(ann.token, publicKey, "of ann")).toEqual(success);
    expect(await approve(bob.token, publicKey, "of bob")).toEqual(success);
    const answer = await picked(publicKey);
    expect([answer.response, userOf(answer.token)]).toEqual(["of ann", ann.account]);
    expect(await approve(bob.token, publicKey, "of bob")).toEqual(success);
    expect((await picked(publicKey)).response).toBe("of ann");
    const next = randomBase64(32);
    await ask(next);
    await Promise.all([
      approve(ann.token, next, ann.account),
      approve(bob.token, next, bob.account),
    ]);
    const { response, token } = await picked(next);
    expect(userOf(token)).toBe(response);
  });

  it("answers 404 to the approval of a key that nobody asked with, and leaves no row", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    expect(await approve(token, publicKey, "r")).toEqual(notAsked);
    expect(await rowOf(publicKey)).toBeNull();
    expect(await ask(publicKey)).toEqual(requested);
  });

  it("is approved only with a token that was not revoked", async () => {
    const { token, key } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    expect(await answerOf(await post(`${path}/response`, { publicKey, response: "r" }))).toEqual(
      unauthorized,
    );
    expect((await call("POST", "/v1/auth/revoke", { token })).status).toBe(200);
    expect(await approve(token, publicKey, "r")).toEqual(unauthorized);
    expect(await ask(publicKey)).toEqual(requested);
    expect(await approve(await signIn(key), publicKey, "r")).toEqual(success);
  });

  it("ends when the account that approved it revokes its tokens", async () => {
    const [ann, bob] = [await newAccount(), await newAccount()];
    const [ofAnn, picking, ofBob] = [randomBase64(32), randomBase64(32), randomBase64(32)];
    for (const publicKey of [ofAnn, picking, ofBob]) await ask(publicKey);
    await approve(ann.token, ofAnn, "r");
    await approve(ann.token, picking, "r");
    await approve(bob.token, ofBob, "r");
    const { token } = await picked(picking);
    expect((await call("POST", "/v1/auth/revoke", { token: ann.token })).status).toBe(200);
    expect(await ask(ofAnn)).toEqual(requested);
    expect(await ask(picking)).toEqual(requested);
    expect((await picked(ofBob)).response).toBe("r");
    expect(await approve(token, ofAnn, "again")).toEqual(unauthorized);
  });

  it("goes on when a token that was revoked before tries to revoke", async () => {
    const { key, token } = await newAccount();
    expect((await call("POST", "/v1/auth/revoke", { token })).status).toBe(200);
    const publicKey = randomBase64(32);
    await ask(publicKey);
    expect(await approve(await signIn(key), publicKey, "r")).toEqual(success);
    expect((await call("POST", "/v1/auth/revoke", { token })).status).toBe(401);
    expect((await picked(publicKey)).response).toBe("r");
  });

  it("gives its answer for a minute after it was picked up, and then begins anew", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    await approve(token, publicKey, "r");
    vi.setSystemTime(NOW + 30_000);
    await statusOf(publicKey);
    expect(await rowOf(publicKey)).toMatchObject({ pickedUpAt: null });
    vi.setSystemTime(NOW + 10 * MINUTE_MS);
    const first = await picked(publicKey);
    vi.setSystemTime(NOW + 10 * MINUTE_MS + SYNC_PAIRING_PICK_UP_MS - 1);
    const second = await picked(publicKey);
    expect(second.token).not.toBe(first.token);
    vi.setSystemTime(NOW + 10 * MINUTE_MS + SYNC_PAIRING_PICK_UP_MS);
    expect(await approve(token, publicKey, "again")).toEqual(notAsked);
    expect(await ask(publicKey)).toEqual(requested);
    expect(await rowOf(publicKey)).toMatchObject({ response: null, pickedUpAt: null });
  });

  it("ends when nobody has picked up its answer", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    vi.setSystemTime(NOW + MINUTE_MS);
    await approve(token, publicKey, "r");
    vi.setSystemTime(NOW + MINUTE_MS + SYNC_PAIRING_TTL_MS - 1);
    await picked(publicKey);
    const other = randomBase64(32);
    await ask(other);
    await approve(token, other, "r");
    vi.setSystemTime(NOW + MINUTE_MS + 2 * SYNC_PAIRING_TTL_MS);
    expect(await ask(other)).toEqual(requested);
  });

  it("waits as long as it is polled, and 15 minutes more", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    const { id } = (await rowOf(publicKey)) ?? {};
    for (let at = 1; at <= 3; at += 1) {
      vi.setSystemTime(NOW + at * (SYNC_PAIRING_TTL_MS - 1));
      expect(await ask(publicKey)).toEqual(requested);
    }
    expect(await rowOf(publicKey)).toMatchObject({ id, createdAt: NOW });
    const last = NOW + 3 * (SYNC_PAIRING_TTL_MS - 1);
    vi.setSystemTime(last + WAITS_MS);
    expect(await approve(token, publicKey, "r")).toEqual(notAsked);
    expect(await ask(publicKey)).toEqual(requested);
    expect((await rowOf(publicKey))?.id).not.toBe(id);
  });

  it("waits 15 minutes also after a poll that was not written down", async () => {
    const publicKey = randomBase64(32);
    await ask(publicKey);
    const { id } = (await rowOf(publicKey)) ?? {};
    vi.setSystemTime(NOW + SYNC_PAIRING_NOTED_EVERY_MS - 1);
    await ask(publicKey);
    vi.setSystemTime(NOW + SYNC_PAIRING_NOTED_EVERY_MS - 1 + SYNC_PAIRING_TTL_MS);
    await ask(publicKey);
    expect((await rowOf(publicKey))?.id).toBe(id);
  });

  it("is polled mostly without writing", async () => {
    const publicKey = randomBase64(32);
    await ask(publicKey);
    vi.setSystemTime(NOW + SYNC_PAIRING_NOTED_EVERY_MS - 1);
    await ask(publicKey);
    expect(await rowOf(publicKey)).toMatchObject({ updatedAt: NOW });
    vi.setSystemTime(NOW + SYNC_PAIRING_NOTED_EVERY_MS);
    await ask(publicKey);
    expect(await rowOf(publicKey)).toMatchObject({
      updatedAt: NOW + SYNC_PAIRING_NOTED_EVERY_MS,
      expiresAt: NOW + SYNC_PAIRING_NOTED_EVERY_MS + WAITS_MS,
    });
  });

  it("is deleted by the hourly work when it is over", async () => {
    const [over, under] = [randomBase64(32), randomBase64(32)];
    await ask(over);
    vi.setSystemTime(NOW + 1);
    await ask(under);
    vi.setSystemTime(NOW + WAITS_MS);
    await sync.hourly?.(env);
    expect(await rowOf(over)).toBeNull();
    expect(await rowOf(under)).not.toBeNull();
  });

  it("has one row when it is asked for twice at once", async () => {
    const publicKey = randomBase64(32);
    const answers = await Promise.all([ask(publicKey), ask(publicKey), ask(publicKey)]);
    expect(answers).toEqual([requested, requested, requested]);
  });

  it("needs a key: absent, empty or no text is 400, malformed or of another length is 401", async () => {
    const { token } = await newAccount();
    for (const wrong of [undefined, "", null, 1]) {
      expect(await ask(wrong)).toMatchObject([400, {}]);
      expect(await approve(token, wrong, "r")).toMatchObject([400, {}]);
    }
    const url = base64Of(new Uint8Array(32).fill(255)).replaceAll("/", "_");
    const unpadded = randomBase64(32).replace("=", "");
    const smallOrder = base64Of(Uint8Array.of(1, ...new Uint8Array(31)));
    for (const wrong of [url, unpadded, "x", randomBase64(31), randomBase64(33), smallOrder]) {
      const invalid = [401, { error: "Invalid public key" }];
      expect(await ask(wrong)).toEqual(invalid);
      expect(await approve(token, wrong, "r")).toEqual(invalid);
    }
    for (const wrong of [undefined, "", null, 1]) {
      const publicKey = randomBase64(32);
      await ask(publicKey);
      expect(await approve(token, publicKey, wrong)).toMatchObject([400, {}]);
      expect(await ask(publicKey)).toEqual(requested);
    }
  });

  it("may be polled every second for two minutes from one network", async () => {
    const publicKey = randomBase64(32);
    const headers = { "CF-Connecting-IP": `192.0.2.${isTerminal ? 10 : 11}` };
    for (let second = 0; second < 120; second += 1) {
      vi.setSystemTime(NOW + second * 1_000);
      expect(await ask(publicKey, {}, { headers })).toEqual(requested);
    }
  });

  it("is limited by its key, its network, and for new keys of a network", async () => {
    const publicKey = randomBase64(32);
    const key = publicKeyHex(publicKey) ?? "";
    const kind = isTerminal ? "terminal" : "account";
    const perKey = {
      name: `sync-pairing-${kind}`,
      key,
      quota: SYNC_PAIRING_POLLS_PER_MINUTE,
      windowMs: MINUTE_MS,
    };
    await leave(1, perKey);
    expect(await ask(publicKey)).toEqual(requested);
    expect(await ask(publicKey)).toMatchObject([429, { error: expect.any(String) }]);

    const address = `192.0.2.${isTerminal ? 20 : 21}`;
    const headers = { "CF-Connecting-IP": address };
    const network = clientNetwork(address);
    const beginnings = {
      name: "sync-pairings",
      key: network,
      quota: SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS,
      windowMs: 10 * MINUTE_MS,
    };
    await leave(1, beginnings);
    const known = randomBase64(32);
    expect(await ask(known, {}, { headers })).toEqual(requested);
    expect(await ask(randomBase64(32), {}, { headers })).toMatchObject([429, {}]);
    expect(await ask(known, {}, { headers })).toEqual(requested);

    const crowded = `192.0.2.${isTerminal ? 30 : 31}`;
    const polls = {
      name: "sync-pairing-polls",
      key: clientNetwork(crowded),
      quota: SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS,
      windowMs: MINUTE_MS,
    };
    await leave(1, polls);
    expect(await ask(known, {}, { headers: { "CF-Connecting-IP": crowded } })).toEqual(requested);
    expect(await ask(known, {}, { headers: { "CF-Connecting-IP": crowded } })).toMatchObject([
      429,
      {},
    ]);
    const status = await call("GET", "/v1/auth/request/status", {
      headers: { "CF-Connecting-IP": crowded },
    });
    expect(status.status).toBe(429);
  });

  if (!isTerminal) return;

  it("tells its status to phones, without beginning or ending anything", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    const notFound = { status: "not_found", supportsV2: false };
    expect(await statusOf(publicKey)).toEqual(notFound);
    expect(await rowOf(publicKey)).toBeNull();
    await ask(publicKey, { supportsV2: true });
    expect(await statusOf(publicKey)).toEqual({ status: "pending", supportsV2: true });
    await approve(token, publicKey, "r");
    expect(await statusOf(publicKey)).toEqual({ status: "authorized", supportsV2: true });
    vi.setSystemTime(NOW + SYNC_PAIRING_TTL_MS);
    expect(await statusOf(publicKey)).toEqual(notFound);
    for (const wrong of ["", "x", randomBase64(31)]) {
      expect(await statusOf(wrong)).toEqual(notFound);
    }
    expect(await (await call("GET", "/v1/auth/request/status")).json()).toEqual(notFound);
  });

  it("keeps what its first request says of the second version", async () => {
    for (const [first, second, kept] of [
      [true, false, true],
      [undefined, true, false],
      [null, true, false],
    ]) {
      const publicKey = randomBase64(32);
      await ask(publicKey, { supportsV2: first });
      await ask(publicKey, { supportsV2: second });
      expect(await statusOf(publicKey)).toEqual({ status: "pending", supportsV2: kept });
    }
    expect(await ask(randomBase64(32), { supportsV2: "yes" })).toMatchObject([400, {}]);
  });

  it("is not approved as the other pairing", async () => {
    const { token } = await newAccount();
    const publicKey = randomBase64(32);
    await ask(publicKey);
    const body = { publicKey, response: "r" };
    const other = await post("/v1/auth/account/response", body, { token });
    expect(await answerOf(other)).toEqual(notAsked);
    expect(await ask(publicKey)).toEqual(requested);
  });
});

describe("POST /v1/auth/revoke (sync.md §0b.7)", () => {
  const revoke = async (token: string) =>
    answerOf(await call("POST", "/v1/auth/revoke", { token }));

  it("revokes all tokens of the account, and tells its hub", async () => {
    const { key, token, account } = await newAccount();
    const other = await newAccount();
    expect(await revoke(token)).toEqual([200, { success: true }]);
    expect(told).toEqual([{ account, epoch: 1, input: {} }]);
    const newer = await signIn(key);
    expect(decodeJwt(newer)).toMatchObject({ user: account, epoch: 1 });
    expect(await revoke(newer)).toEqual([200, { success: true }]);
    expect(decodeJwt(await signIn(other.key))).toMatchObject({ epoch: 0 });
  });

  it("does not revoke newer tokens for a revoked one", async () => {
    const { key, token, account } = await newAccount();
    await revoke(token);
    expect(await revoke(token)).toEqual(unauthorized);
    // The hub is told again what D1 says: the first request may have failed before it told it.
    expect(told.at(-1)).toEqual({ account, epoch: 1, input: {} });
    expect(decodeJwt(await signIn(key))).toMatchObject({ epoch: 1 });
  });

  it("raises the epoch once for two requests at once", async () => {
    const { key, token } = await newAccount();
    const answers = await Promise.all([revoke(token), revoke(token)]);
    expect(answers).toContainEqual([200, { success: true }]);
    expect(answers).toContainEqual(unauthorized);
    expect(decodeJwt(await signIn(key))).toMatchObject({ epoch: 1 });
  });

  it("counts for requests to D1 even when the hub was away", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { token, account } = await newAccount();
    areHubsAway = true;
    expect((await revoke(token))[0]).toBe(500);
    areHubsAway = false;
    expect(await revoke(token)).toEqual(unauthorized);
    expect(told).toEqual([{ account, epoch: 1, input: {} }]);
  });

  it("answers 401 for an account that was deleted", async () => {
    const { token, account } = await newAccount();
    await env.DB.prepare(`DELETE FROM Account WHERE id = ?`).bind(account).run();
    expect(await revoke(token)).toEqual(unauthorized);
    expect(told).toEqual([]);
  });
});

describe("POST /v1/auth/refresh (sync.md §2.2)", () => {
  const DAY_MS = 24 * 60 * MINUTE_MS;
  const DAYS = { HAPPY_TOKEN_TTL_DAYS: "30" };
  const refresh = async (token?: string, variables: object = {}) =>
    answerOf(
      await call("POST", "/v1/auth/refresh", {
        variables,
        ...(token === undefined ? {} : { token }),
      }),
    );
  const refused = (code: string) => [401, { success: false, error: "Unauthorized", code }];
  const Refreshed = z.tuple([
    z.literal(200),
    z.strictObject({
      success: z.literal(true),
      token: z.string(),
      expiresIn: z.number().nullable(),
    }),
  ]);

  it("gives a newer token of the same account and pairing", async () => {
    const { account } = await newAccount();
    const owner = { account, epoch: 0, session: "01PAIR" };
    const old = await accountTokens(SECRET, null).create(owner, NOW - DAY_MS);
    const [, { token, expiresIn }] = Refreshed.parse(await refresh(old, DAYS));
    expect(expiresIn).toBe(2_592_000);
    expect(decodeJwt(token)).toEqual({
      iss: "handy",
      iat: NOW / 1000,
      exp: (NOW + 30 * DAY_MS) / 1000,
      user: account,
      epoch: 0,
      extras: { session: "01PAIR" },
    });
  });

  it("gives one that never expires where none does", async () => {
    const { token } = await newAccount();
    const [, answer] = Refreshed.parse(await refresh(token));
    expect(answer.expiresIn).toBeNull();
    expect(decodeJwt(answer.token)).not.toHaveProperty("exp");
  });

  it("takes an expired token for a time, which is good for nothing else", async () => {
    const { key } = await newAccount();
    const token = await signIn(key, { variables: DAYS });
    const end = NOW + 30 * DAY_MS + SYNC_TOKEN_REFRESH_MS;
    vi.setSystemTime(end - 1);
    const body = { publicKey: randomBase64(32), response: "r" };
    expect(await answerOf(await post("/v1/auth/response", body, { token }))).toEqual(unauthorized);
    expect((await refresh(token, DAYS))[0]).toBe(200);
    vi.setSystemTime(end);
    expect(await refresh(token, DAYS)).toEqual(refused("TOKEN_EXPIRED"));
  });

  it("refuses what is no token, and the tokens of another purpose", async () => {
    const { account } = await newAccount();
    expect(await refresh()).toEqual(refused("TOKEN_INVALID"));
    expect(await refresh("x")).toEqual(refused("TOKEN_INVALID"));
    const ephemeral = await ephemeralToken(SECRET, account, "github-oauth-state", NOW);
    expect(await refresh(ephemeral)).toEqual(refused("TOKEN_INVALID"));
  });

  it("refuses a revoked token, and one of a deleted account", async () => {
    const { token } = await newAccount();
    expect((await call("POST", "/v1/auth/revoke", { token })).status).toBe(200);
    expect(await refresh(token)).toEqual(refused("TOKEN_REVOKED"));
    const nobody = await accountTokens(SECRET, null).create({ account: "01NOBODY", epoch: 0 }, NOW);
    expect(await refresh(nobody)).toEqual(refused("TOKEN_REVOKED"));
  });
});
