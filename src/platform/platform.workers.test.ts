import {
  applyD1Migrations,
  createExecutionContext,
  evictDurableObject,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { HTTPException } from "hono/http-exception";
import { base64url, exportSPKI, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import fc from "fast-check";
import { z } from "zod";
import { createApp } from "../app.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { ERROR_CODES } from "../protocol/error-codes.ts";
import {
  IDEMPOTENCY_TTL_MS,
  JWKS_REFETCH_COOLDOWN_MS,
  JWT_CLOCK_SKEW_SECONDS,
  JWT_KEY_CANDIDATES_MAX,
  READY_FRESH_MS,
  REQUEST_BODY_MAX_BYTES,
  SIGNED_BODY_MAX_BYTES,
  SYNC_BODY_MAX_BYTES,
} from "../protocol/limits.ts";
import * as limits from "../protocol/limits.ts";
import { SOON } from "../testing/soon.ts";
import {
  TEST_AUDIENCE,
  TEST_ISSUER,
  TEST_JWKS_URL,
  testProvider,
  type TestProvider,
} from "../testing/tokens.ts";
import { callAs, callWorker, openStream, PAGE_ORIGIN, upgrade } from "../testing/worker.ts";
import { HUB_ADMIN_SCOPE } from "./auth/principal.ts";
import { forgetProviderKeys } from "./auth/provider-keys.ts";
import { verifyToken } from "./auth/verify-token.ts";
import { Problem, PROBLEM_TYPE } from "./http/problem.ts";
import { begin, CLAIM_STALE_MS, complete, release, sweepIdempotencyKeys } from "./idempotency.ts";
import { RATE_LIMITERS } from "./quota.ts";
import { MEMORY_ONLY_MS } from "./rate-limiter.ts";
import { limiterOf, rateLimitHeaders, takeToken } from "./rate-limit.ts";

const NOW = Math.floor(Date.now() / 1000);
const HOUR_MS = 3_600_000;

/** Entries of a key set that cannot be used (RFC 7517 §5). */
const UNUSABLE_KEYS: readonly unknown[] = [
  { kid: "key-1" },
  { kty: 5, kid: "key-1" },
  { kty: "unheard-of", kid: "key-1" },
  { kty: "oct", k: "AAAA", kid: "key-1" },
  { kty: "EC", crv: "P-256", kid: "key-1" },
  { kty: "EC", crv: "P-256", x: 1, y: 2, kid: "key-1" },
  { kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA", kid: "key-1", alg: "ES256" },
  null,
  "key",
  [],
];

let provider: TestProvider;
let good: string;
/** Answers the provider's key URL. A test may replace it. */
let answerKeys: () => Promise<Response> | Response;
let keyRequests = 0;

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  good = await provider.mint({ sub: "alice" });
});

beforeEach(async () => {
  keyRequests = 0;
  answerKeys = () => Response.json(provider.jwks);
  forgetProviderKeys();
  await env.DB.exec("DELETE FROM provider_keys");
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url !== TEST_JWKS_URL) return new Response(null, { status: 404 });
    keyRequests += 1;
    const answer = await answerKeys();
    const isFollowed = answer.headers.has("Location") && request.redirect === "follow";
    return isFollowed ? Response.json(provider.jwks) : answer;
  });
  for (const level of ["info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation(() => undefined);
  }
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The same token with another protected header; its signature does not fit any more. */
function withHeader(token: string, header: unknown): string {
  const [, payload, signature] = token.split(".");
  return [base64url.encode(JSON.stringify(header)), payload, signature].join(".");
}

const never = (): Promise<never> => new Promise(() => undefined);

function later(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** An answer that is held back until `release` is called. */
function held(answer: () => Response): {
  readonly answer: () => Promise<Response>;
  readonly begun: Promise<void>;
  readonly release: () => void;
} {
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    answer: async () => {
      begun.resolve();
      await released.promise;
      return answer();
    },
    begun: begun.promise,
    release: () => released.resolve(),
  };
}

/** The problem document of an answer. */
async function problemOf(response: Response): Promise<z.infer<typeof Problem>> {
  expect(response.headers.get("Content-Type")).toBe(PROBLEM_TYPE);
  return Problem.parse(await response.json());
}

describe("app JWT (rooms.md §1)", () => {
  const refusals: readonly (readonly [string, () => Promise<string> | string, string])[] = [
    [
      "none",
      () =>
        new UnsecuredJWT({ sub: "a" })
          .setIssuer(TEST_ISSUER)
          .setAudience(TEST_AUDIENCE)
          .setExpirationTime("1h")
          .encode(),
      "unsupported",
    ],
    [
      "HS256 with the public key as its secret",
      async () =>
        new SignJWT({ sub: "a" })
          .setProtectedHeader({ alg: "HS256", kid: "key-1" })
          .setIssuer(TEST_ISSUER)
          .setAudience(TEST_AUDIENCE)
          .setExpirationTime("1h")
          .sign(new TextEncoder().encode(await exportSPKI(provider.publicKey))),
      "unsupported",
    ],
    ["another typ", () => provider.mint({ sub: "a" }, { typ: "logout+jwt" }), "unsupported"],
    [
      "jku in the header",
      () => provider.mint({ sub: "a" }, { jku: "https://evil.test/jwks" }),
      "unsupported",
    ],
    [
      "x5u in the header",
      () => provider.mint({ sub: "a" }, { x5u: "https://evil.test/x" }),
      "unsupported",
    ],
    ["x5c in the header", () => provider.mint({ sub: "a" }, { x5c: ["MIIB"] }), "unsupported"],
    [
      "jwk in the header, of the signer's own key",
      async () => {
        const other = await testProvider();
        return other.mint({ sub: "a" }, { jwk: { kty: "EC" } });
      },
      "unsupported",
    ],
    [
      "the right kid, another key",
      async () => (await testProvider()).mint({ sub: "a" }),
      "bad_signature",
    ],
    [
      "HS256 with the public key's numbers as its secret",
      async () =>
        new SignJWT({ sub: "a" })
          .setProtectedHeader({ alg: "HS256", kid: "key-1" })
          .setIssuer(TEST_ISSUER)
          .setAudience(TEST_AUDIENCE)
          .setExpirationTime("1h")
          .sign(new TextEncoder().encode(JSON.stringify(provider.jwks.keys[0]))),
      "unsupported",
    ],
    ["unknown kid", () => provider.mint({ sub: "a" }, { kid: "key-2" }), "unknown_key"],
    ["wrong iss", () => provider.mint({ sub: "a", iss: "https://other.test" }), "bad_claim"],
    ["wrong aud", () => provider.mint({ sub: "a", aud: "other" }), "bad_claim"],
    ["no aud", () => provider.mint({ sub: "a", aud: undefined }), "bad_claim"],
    ["no exp", () => provider.mint({ sub: "a", exp: undefined }), "bad_claim"],
    ["no sub", () => provider.mint({ sub: undefined }), "bad_claim"],
    ["an empty sub", () => provider.mint({ sub: "" }), "bad_claim"],
    [
      "expired by more than the skew",
      () => provider.mint({ sub: "a", exp: NOW - JWT_CLOCK_SKEW_SECONDS - 5 }),
      "expired",
    ],
    [
      "not yet valid",
      () => provider.mint({ sub: "a", nbf: NOW + JWT_CLOCK_SKEW_SECONDS + 60 }),
      "bad_claim",
    ],
    ["guilds that are no list", () => provider.mint({ sub: "a", guilds: "1" }), "bad_claim"],
    ["guilds that are no ids", () => provider.mint({ sub: "a", guilds: [1] }), "bad_claim"],
    ["a scope that is a number", () => provider.mint({ sub: "a", scope: 1 }), "bad_claim"],
    ["scopes that are no text", () => provider.mint({ sub: "a", scp: [1] }), "bad_claim"],
    ["a discord_id that is no text", () => provider.mint({ sub: "a", discord_id: 1 }), "bad_claim"],
    [
      "a discord_id with a zero first",
      () => provider.mint({ sub: "a", discord_id: "042" }),
      "bad_claim",
    ],
    ...(
      [
        { typ: 5 },
        { typ: null },
        { typ: ["JWT"] },
        { kid: 7 },
        { kid: null },
        { kid: { a: 1 } },
        { alg: 256 },
        { alg: null },
        { alg: ["RS256"] },
        { crit: "exp" },
        { crit: ["unheard-of"] },
      ] satisfies object[]
    ).map(
      (header) =>
        [
          `the header's ${JSON.stringify(header)}`,
          () => withHeader(good, { alg: "ES256", kid: "key-1", ...header }),
          "malformed",
        ] as const,
    ),
    ["a header that is a list", () => withHeader(good, ["ES256"]), "malformed"],
    ["a header that is null", () => withHeader(good, null), "malformed"],
    [
      "a jwk of null in the header",
      () => provider.mint({ sub: "a" }, { jwk: null }),
      "unsupported",
    ],
    ["no JWT at all", () => "abc", "malformed"],
    ["five parts", () => `${good}.a.b`, "malformed"],
    ["a header that is no base64", () => good.replace(/^[^.]+/, "%%%"), "malformed"],
    ["a payload that is no base64", () => good.replace(/\.[^.]+\./, ".%%%."), ""],
    ["a changed payload", () => good.replace(/\.(.)/, (_, c) => `.${c === "e" ? "f" : "e"}`), ""],
  ];

  it("rounds a fractional expiry down, because frames have whole seconds", async () => {
    const exp = Math.floor(Date.now() / 1000) + 100;
    const verified = await verifyToken(env, await provider.mint({ sub: "a", exp: exp + 0.5 }));
    expect(verified).toMatchObject({ ok: true, value: { exp } });
  });

  it.each(refusals)("refuses: %s", async (_, mint, reason) => {
    const token = await mint();
    const verified = await verifyToken(env, token);
    expect(verified.ok).toBe(false);
    if (!verified.ok && reason !== "") expect(verified.error.reason).toBe(reason);
    const response = await callAs(token, "GET", "/rooms");
    expect(response.status).toBe(401);
    expect(response.headers.get("WWW-Authenticate")).toBe('Bearer error="invalid_token"');
    const problem = await problemOf(response);
    expect(problem.code).toBe("unauthorized");
    expect(JSON.stringify(problem)).not.toContain(token.split(".")[1] ?? token);
  });

  it.each([undefined, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])(
    "accepts typ %s",
    async (typ) => {
      const token = await provider.mint({ sub: "alice" }, { typ });
      expect((await verifyToken(env, token)).ok).toBe(true);
    },
  );

  it("accepts a token until the skew is over, to the second", async () => {
    vi.setSystemTime(NOW * 1000);
    const skew = JWT_CLOCK_SKEW_SECONDS;
    const isAccepted = async (claims: object): Promise<boolean> =>
      (await verifyToken(env, await provider.mint({ sub: "a", ...claims }))).ok;
    expect(await isAccepted({ exp: NOW - skew + 1 })).toBe(true);
    expect(await isAccepted({ exp: NOW - skew })).toBe(false);
    expect(await isAccepted({ nbf: NOW + skew })).toBe(true);
    expect(await isAccepted({ nbf: NOW + skew + 1 })).toBe(false);
  });

  it("reads the subject, guilds, scopes and Discord id", async () => {
    const token = await provider.mint({
      sub: "alice",
      guilds: ["1", "2"],
      scope: "openid  rooms:manage",
      discord_id: "42",
    });
    expect(await verifyToken(env, token)).toMatchObject({
      ok: true,
      value: {
        sub: "alice",
        guilds: ["1", "2"],
        scopes: ["openid", "rooms:manage"],
        discordId: "42",
      },
    });
  });

  it.each([
    [{ scope: ["rooms:manage", "openid"] }, ["rooms:manage", "openid"]],
    [{ scp: "rooms:manage openid" }, ["rooms:manage", "openid"]],
    [{ scp: ["rooms:manage"] }, ["rooms:manage"]],
    [{ scope: "openid", scp: ["rooms:manage", "openid"] }, ["openid", "rooms:manage"]],
    [{ scope: [] }, []],
    [{}, []],
  ])("reads the scopes of %j", async (claims, scopes) => {
    const token = await provider.mint({ sub: "alice", ...claims });
    expect(await verifyToken(env, token)).toMatchObject({ ok: true, value: { scopes } });
  });

  it("refuses any other header, and never throws", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.dictionary(fc.string(), fc.jsonValue()), async (any, more) => {
        for (const header of [JSON.parse(any), { alg: "ES256", kid: "key-1", ...more }]) {
          expect((await verifyToken(env, withHeader(good, header))).ok).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("requests a token when there is none, or one of another scheme", async () => {
    for (const headers of [{}, { Authorization: "Basic YTpi" }, { Authorization: "Bearer " }]) {
      const response = await callWorker("/rooms", { headers: new Headers(headers) });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    }
  });
});

describe("the provider's keys (rooms.md §1)", () => {
  const verify = async (token = good): Promise<boolean> => (await verifyToken(env, token)).ok;

  it("are fetched once, not for each request", async () => {
    expect(await Promise.all([verify(), verify()])).toEqual([true, true]);
    const before = keyRequests;
    expect(await verify()).toBe(true);
    expect(keyRequests).toBe(before);
  });

  it("keep working while the provider is down, also after a restart of the Worker", async () => {
    expect(await verify()).toBe(true);
    answerKeys = () => {
      throw new TypeError("connect ECONNREFUSED");
    };
    forgetProviderKeys();
    expect(await verify()).toBe(true);
    later(2 * HOUR_MS);
    const fresh = await provider.mint({ sub: "alice" });
    expect(await verify(fresh)).toBe(true);
    forgetProviderKeys();
    expect(await verify(fresh)).toBe(true);
  });

  it("that have never arrived lead to a 503, until the provider is back", async () => {
    answerKeys = () => new Response("starting", { status: 502 });
    const response = await callAs(good, "GET", "/rooms");
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("5");
    expect(await problemOf(response)).toMatchObject({ code: "unavailable" });
    answerKeys = () => Response.json(provider.jwks);
    expect(await verify()).toBe(false);
    expect(keyRequests).toBe(1);
    later(1_000);
    expect(await verify()).toBe(true);
  });

  it("that have never arrived lead to a 503 or 1013 at the stream, so that a client keeps its token", async () => {
    answerKeys = () => new Response("starting", { status: 502 });
    const atUpgrade = await upgrade("", { Authorization: `Bearer ${good}` });
    expect(atUpgrade.status).toBe(503);
    const socket = await openStream("");
    socket.send({ type: "auth", token: good });
    await socket.until(({ closed }) => closed !== null);
    expect(socket.closed?.code).toBe(CLOSE_CODES.overloaded.code);
  });

  it("are fetched again for an unknown kid, at most once a minute by all isolates together", async () => {
    expect(await verify()).toBe(true);
    const next = await testProvider("key-2");
    const rotated = { keys: [...provider.jwks.keys, ...next.jwks.keys] };
    answerKeys = () => Response.json(rotated);
    later(JWKS_REFETCH_COOLDOWN_MS - 1_000);
    const token = await next.mint({ sub: "alice" });
    expect(await verify(token)).toBe(false);
    forgetProviderKeys();
    expect(await verify(token)).toBe(false);
    expect(keyRequests).toBe(1);
    later(1_000);
    expect(await verify(token)).toBe(true);
    expect(await verify()).toBe(true);
    expect(keyRequests).toBe(2);
    const unknown = await next.mint({ sub: "a" }, { kid: "key-3" });
    expect(await verify(unknown)).toBe(false);
    expect(keyRequests).toBe(2);
  });

  it("are fetched once for a hundred tokens with unknown kids", async () => {
    expect(await verify()).toBe(true);
    later(JWKS_REFETCH_COOLDOWN_MS);
    keyRequests = 0;
    const unknown = await Promise.all(
      Array.from({ length: 100 }, (_, i) => provider.mint({ sub: "a" }, { kid: `x-${i}` })),
    );
    const answers = await Promise.all(unknown.map((token) => callAs(token, "GET", "/rooms")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(keyRequests).toBe(1);
  });

  it("that are new reach all waiting requests with one fetch", async () => {
    expect(await verify()).toBe(true);
    const next = await testProvider("key-2");
    const asked = held(() => Response.json(next.jwks));
    answerKeys = asked.answer;
    later(JWKS_REFETCH_COOLDOWN_MS);
    const token = await next.mint({ sub: "alice" });
    const here = Array.from({ length: 20 }, () => verify(token));
    await asked.begun;
    asked.release();
    expect(await Promise.all(here)).toEqual(Array(20).fill(true));
    expect(keyRequests).toBe(2);
  });

  /** Another isolate starts a fetch. {@link answerElsewhere} ends it. */
  const askElsewhere = async (jwks: object): Promise<void> => {
    await env.DB.prepare(
      "INSERT INTO provider_keys (url, jwks, asked_at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET asked_at = ?3",
    )
      .bind(TEST_JWKS_URL, JSON.stringify(jwks), Date.now())
      .run();
  };
  const answerElsewhere = async (jwks: object): Promise<void> => {
    await env.DB.prepare("UPDATE provider_keys SET jwks = ?, answered_at = ?")
      .bind(JSON.stringify(jwks), Date.now())
      .run();
  };

  it("that another isolate is fetching reach an isolate that has just started", async () => {
    expect(await verify()).toBe(true);
    later(JWKS_REFETCH_COOLDOWN_MS);
    await askElsewhere(provider.jwks);
    forgetProviderKeys();
    // Tokens of known keys do not wait.
    expect(await verify()).toBe(true);
    const next = await testProvider("key-2");
    const token = await next.mint({ sub: "alice" });
    const waits = vi.spyOn(scheduler, "wait");
    const verified = Array.from({ length: 5 }, () => verify(token));
    await vi.waitFor(() => expect(waits).toHaveBeenCalled(), SOON);
    await answerElsewhere(next.jwks);
    expect(await Promise.all(verified)).toEqual(Array(5).fill(true));
    expect(keyRequests).toBe(1);
  });

  it("are waited for also when another isolate fetches the first ones", async () => {
    await askElsewhere({ keys: [] });
    const waits = vi.spyOn(scheduler, "wait");
    const verified = Array.from({ length: 5 }, () => verify());
    await vi.waitFor(() => expect(waits).toHaveBeenCalled(), SOON);
    await answerElsewhere(provider.jwks);
    expect(await Promise.all(verified)).toEqual(Array(5).fill(true));
    expect(keyRequests).toBe(0);
  });

  it("are fetched by another isolate when the one with the claim has died", async () => {
    await env.DB.prepare("INSERT INTO provider_keys (url, jwks, asked_at) VALUES (?, ?, ?)")
      .bind(TEST_JWKS_URL, '{"keys":[]}', Date.now())
      .run();
    later(10_000);
    expect(await verify()).toBe(true);
    expect(keyRequests).toBe(1);
  });

  it("are read from a row that an older version has written", async () => {
    await env.DB.prepare("INSERT INTO provider_keys (url, jwks, asked_at) VALUES (?, ?, ?)")
      .bind(TEST_JWKS_URL, JSON.stringify(provider.jwks), Date.now() - 1_000)
      .run();
    expect(await verify()).toBe(true);
    expect(keyRequests).toBe(0);
  });

  it.each(UNUSABLE_KEYS.map((key) => ({ key })))("are used beside $key", async ({ key }) => {
    const jwks = { keys: [key, ...provider.jwks.keys] };
    answerKeys = () => Response.json(jwks);
    expect(await verify()).toBe(true);
    // Also from the copy in D1, in which an older version may have stored every entry.
    await env.DB.prepare("UPDATE provider_keys SET jwks = ?").bind(JSON.stringify(jwks)).run();
    forgetProviderKeys();
    answerKeys = () => new Response(null, { status: 502 });
    expect(await verify()).toBe(true);
  });

  it.each([
    { kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA", kid: "key-2" },
    { kty: "EC", crv: "P-256", x: "%", y: "", kid: "key-2" },
    { kty: "EC", kid: "key-2" },
    { kty: "RSA", n: "AQAB", e: "AQAB", kid: "key-2" },
  ])("refuse a token whose kid names a broken key (%j)", async (key) => {
    answerKeys = () => Response.json({ keys: [...provider.jwks.keys, key] });
    for (const alg of ["ES256", "RS256", "PS512", "EdDSA"]) {
      const token = withHeader(good, { alg, kid: "key-2" });
      expect((await callAs(token, "GET", "/rooms")).status).toBe(401);
    }
    expect(await verify()).toBe(true);
  });

  it("verify nothing when they are RSA keys that are too short", async () => {
    const short = await crypto.subtle.generateKey(
      {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: 1024,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: "SHA-256",
      },
      true,
      ["sign", "verify"],
    );
    if (!("publicKey" in short)) throw new Error("generateKey returned no key pair");
    const jwk = await crypto.subtle.exportKey("jwk", short.publicKey);
    answerKeys = () => Response.json({ keys: [Object.assign(jwk, { kid: "key-2" })] });
    const unsigned = withHeader(good, { alg: "RS256", kid: "key-2" }).replace(/\.[^.]*$/, "");
    const signature = await crypto.subtle.sign(
      "RSASSA-PKCS1-v1_5",
      short.privateKey,
      new TextEncoder().encode(unsigned),
    );
    const token = `${unsigned}.${base64url.encode(new Uint8Array(signature))}`;
    expect((await callAs(token, "GET", "/rooms")).status).toBe(401);
  });

  it("are all tried for a token without a kid", async () => {
    const [one, two] = [await testProvider("a", "RS256"), await testProvider("b", "RS256")];
    answerKeys = () => Response.json({ keys: [...one.jwks.keys, ...two.jwks.keys] });
    for (const either of [one, two]) {
      expect(await verify(await either.mint({ sub: "alice" }, { kid: undefined }))).toBe(true);
    }
    const third = await testProvider("c", "RS256");
    expect(await verify(await third.mint({ sub: "alice" }, { kid: undefined }))).toBe(false);
    expect(await verify(await one.mint({ sub: "alice" }, { kid: "b" }))).toBe(false);
    // Its claims are checked as well.
    const expired = await two.mint({ sub: "alice", exp: NOW - 100 }, { kid: undefined });
    expect(await verifyToken(env, expired)).toMatchObject({ error: { reason: "expired" } });
  });

  it("are fetched again for a token without a kid that no key verifies", async () => {
    expect(await verify()).toBe(true);
    const next = await testProvider("key-2");
    answerKeys = () => Response.json(next.jwks);
    const token = await next.mint({ sub: "alice" }, { kid: undefined });
    expect(await verify(token)).toBe(false);
    later(JWKS_REFETCH_COOLDOWN_MS);
    expect(await verify(token)).toBe(true);
  });

  it("are tried up to the limit for a token without a kid, and not one more", async () => {
    const mine = await testProvider("mine");
    const others = await Promise.all(
      Array.from({ length: JWT_KEY_CANDIDATES_MAX }, (_, i) => testProvider(`other-${i}`)),
    );
    const token = await mine.mint({ sub: "alice" }, { kid: undefined });
    const rest = others.flatMap(({ jwks }) => jwks.keys);
    answerKeys = () => Response.json({ keys: [...rest.slice(1), ...mine.jwks.keys] });
    expect(await verify(token)).toBe(true);
    answerKeys = () => Response.json({ keys: [...rest, ...mine.jwks.keys] });
    later(JWKS_REFETCH_COOLDOWN_MS);
    expect(await verify(await mine.mint({ sub: "alice" }, { kid: "new" }))).toBe(false);
    expect(await verify(token)).toBe(false);
    expect(await verify(await mine.mint({ sub: "alice" }))).toBe(true);
  });

  it("that another isolate has fetched are found without another fetch", async () => {
    expect(await verify()).toBe(true);
    const next = await testProvider("key-2");
    later(JWKS_REFETCH_COOLDOWN_MS);
    await env.DB.prepare("UPDATE provider_keys SET jwks = ?, asked_at = ?, answered_at = ?")
      .bind(JSON.stringify(next.jwks), Date.now(), Date.now())
      .run();
    expect(await verify(await next.mint({ sub: "alice" }))).toBe(true);
    expect(keyRequests).toBe(1);
  });

  it("verify a token once, and refuse what is only similar to it, and the token itself after its exp", async () => {
    const checked = vi.spyOn(crypto.subtle, "verify");
    const exp = Math.floor(Date.now() / 1000) + 600;
    const token = await provider.mint({ sub: "again", exp });
    const first = await verifyToken(env, token);
    expect(first).toMatchObject({ ok: true, value: { sub: "again", exp } });
    expect(await verifyToken(env, token)).toEqual(first);
    expect(checked).toHaveBeenCalledTimes(1);
    const [header, , signature] = token.split(".");
    const claims = base64url.encode(JSON.stringify({ sub: "mallory", exp }));
    const forged = await verifyToken(env, [header, claims, signature].join("."));
    expect(forged).toMatchObject({ ok: false });
    later(600_000 + JWT_CLOCK_SKEW_SECONDS * 1_000);
    expect(await verifyToken(env, token)).toMatchObject({ error: { reason: "expired" } });
  });

  it("that were withdrawn stop working within an hour", async () => {
    const exp = Math.floor((Date.now() + 2 * HOUR_MS) / 1000);
    const seen = await provider.mint({ sub: "alice", exp });
    expect(await verify(seen)).toBe(true);
    const next = await testProvider("key-2");
    answerKeys = () => Response.json(next.jwks);
    later(HOUR_MS);
    expect(await verify(seen)).toBe(false);
    expect(await verify(await provider.mint({ sub: "alice" }))).toBe(false);
  });

  it.each([
    ["a redirect", () => Response.redirect("https://evil.test/jwks", 302)],
    ["a page", () => new Response("<html>", { headers: { "Content-Type": "text/html" } })],
    ["no keys", () => Response.json({ keys: [] })],
    [
      "a flood",
      () => new Response(JSON.stringify({ keys: [{ kty: "EC", pad: "x".repeat(300_000) }] })),
    ],
  ])("are not read from %s", async (_, answer) => {
    answerKeys = answer;
    expect(await verifyToken(env, good)).toEqual({
      ok: false,
      error: { reason: "keys_unavailable" },
    });
  });

  it("verify tokens while the database is down", async () => {
    const broken = {
      ...env,
      DB: {
        prepare: () => {
          throw new Error("D1 is down");
        },
      },
    };
    const withoutDatabase = broken as unknown as typeof env;
    expect((await verifyToken(withoutDatabase, good)).ok).toBe(true);
    const unknown = await provider.mint({ sub: "a" }, { kid: "key-2" });
    expect((await verifyToken(withoutDatabase, unknown)).ok).toBe(false);
    expect(keyRequests).toBe(1);
  });
});

describe("idempotency keys (rooms.md §1)", () => {
  let made = 0;
  const request = (sub = "alice") => {
    made += 1;
    return { sub, key: `key-${made}`, fingerprint: "f1" };
  };
  const T = 1_800_000_000_000;

  it("the first request claims it, a repetition waits and then gets the same answer", async () => {
    const one = request();
    expect(await begin(env.DB, one, T)).toEqual({ kind: "new" });
    expect(await begin(env.DB, one, T + 1)).toEqual({ kind: "in_flight" });
    await complete(env.DB, one, { status: 200, body: { channelId: "c1" } });
    const replay = { kind: "replay", status: 200, body: { channelId: "c1" } };
    expect(await begin(env.DB, one, T + 2)).toEqual(replay);
    expect(await begin(env.DB, one, T + CLAIM_STALE_MS * 2)).toEqual(replay);
  });

  it("one of many simultaneous requests claims it", async () => {
    const one = request();
    const claims = await Promise.all(Array.from({ length: 8 }, () => begin(env.DB, one, T)));
    expect(claims.map(({ kind }) => kind).toSorted()).toEqual([
      ...Array.from({ length: 7 }, () => "in_flight"),
      "new",
    ]);
  });

  it("another request with the key does not match, before and after the first is completed", async () => {
    const one = request();
    await begin(env.DB, one, T);
    const other = { ...one, fingerprint: "f2" };
    expect(await begin(env.DB, other, T)).toEqual({ kind: "mismatch" });
    expect(await begin(env.DB, other, T + CLAIM_STALE_MS)).toEqual({ kind: "mismatch" });
    await complete(env.DB, one, { status: 200, body: null });
    expect(await begin(env.DB, other, T)).toEqual({ kind: "mismatch" });
    expect(await begin(env.DB, other, T + CLAIM_STALE_MS)).toEqual({ kind: "mismatch" });
  });

  it("belongs to one user", async () => {
    const one = request();
    await begin(env.DB, one, T);
    expect(await begin(env.DB, { ...one, sub: "bob" }, T)).toEqual({ kind: "new" });
  });

  it("a failure frees it, but does not remove a stored success", async () => {
    const one = request();
    await begin(env.DB, one, T);
    await release(env.DB, one, T);
    expect(await begin(env.DB, one, T)).toEqual({ kind: "new" });
    await complete(env.DB, one, { status: 200, body: 1 });
    await release(env.DB, one, T);
    expect(await begin(env.DB, one, T)).toMatchObject({ kind: "replay" });
  });

  it("a claim whose Worker died is taken over by one request", async () => {
    const one = request();
    await begin(env.DB, one, T);
    const at = T + CLAIM_STALE_MS;
    expect(await begin(env.DB, one, at - 1)).toEqual({ kind: "in_flight" });
    const claims = await Promise.all([begin(env.DB, one, at), begin(env.DB, one, at)]);
    expect(claims.map(({ kind }) => kind).toSorted()).toEqual(["in_flight", "stale"]);
  });

  it("is deleted when it has expired, together with many others, and not before", async () => {
    const one = request("swept");
    await begin(env.DB, one, T);
    const rows = async () => {
      const query = "SELECT count(*) AS n FROM idempotency_keys WHERE sub IN (?, 'many')";
      return (await env.DB.prepare(query).bind(one.sub).first<{ n: number }>())?.n;
    };
    await env.DB.prepare(
      `WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 2500)
       INSERT INTO idempotency_keys (sub, key, fingerprint, claimed_at, expires_at)
       SELECT 'many', n, 'f', 0, ? FROM up`,
    )
      .bind(T + IDEMPOTENCY_TTL_MS)
      .run();
    await sweepIdempotencyKeys(env.DB, T + IDEMPOTENCY_TTL_MS - 1);
    expect(await rows()).toBe(2_501);
    await sweepIdempotencyKeys(env.DB, T + IDEMPOTENCY_TTL_MS);
    expect(await rows()).toBe(0);
  });

  it("is forgotten after a day, and not before", async () => {
    const one = request();
    await begin(env.DB, one, T);
    await complete(env.DB, one, { status: 200, body: 1 });
    const end = T + IDEMPOTENCY_TTL_MS;
    expect(await begin(env.DB, one, end - 1)).toMatchObject({ kind: "replay" });
    expect(await begin(env.DB, { ...one, fingerprint: "f2" }, end)).toEqual({ kind: "new" });
  });
});

describe("rate limits (rooms.md §1)", () => {
  const limit = { name: "test", key: "alice", quota: 3, windowMs: 60_000 };
  const rowsAt = (stub: ReturnType<typeof limiterOf>): Promise<string[]> =>
    runInDurableObject(stub, (_, state) => [...state.storage.kv.list()].map(([key]) => key));
  const written = async (key: string): Promise<void> => {
    const stub = limiterOf(env, { ...limit, key });
    await vi.waitUntil(async () => (await rowsAt(stub)).includes(`test:${key}`), SOON);
  };
  /** Another key that is counted by the same object. */
  function neighbourOf(key: string): string {
    const { id } = limiterOf(env, { ...limit, key });
    for (let i = 0; ; i += 1) {
      if (limiterOf(env, { ...limit, key: `n${i}` }).id.equals(id)) return `n${i}`;
    }
  }

  it("allow the quota, refuse one more, and delete the row when the quota is full again", async () => {
    const decisions = [];
    for (let i = 0; i < 4; i += 1) decisions.push(await takeToken(env, limit));
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
    const [, , , refused] = decisions;
    if (refused === undefined) throw new Error("there must be four decisions");
    expect(Number(rateLimitHeaders([refused])["Retry-After"])).toBeGreaterThan(15);
    expect((await takeToken(env, { ...limit, key: "bob" })).allowed).toBe(true);
    expect((await takeToken(env, { ...limit, name: "other" })).allowed).toBe(true);
    const stub = limiterOf(env, limit);
    await written("alice");
    await evictDurableObject(stub);
    expect((await takeToken(env, limit)).allowed).toBe(false);
    later(20_000);
    expect((await takeToken(env, limit)).allowed).toBe(true);
    expect((await takeToken(env, limit)).allowed).toBe(false);

    await runDurableObjectAlarm(stub);
    expect(await rowsAt(stub)).toContain("test:alice");
    later(61_000);
    await runDurableObjectAlarm(stub);
    expect(await rowsAt(stub)).toEqual([]);
    expect((await takeToken(env, limit)).remaining).toBe(2);
  });

  it("count each key by itself, also two in the same object", async () => {
    const [mine, theirs] = ["carol", neighbourOf("carol")];
    for (let i = 0; i < 10; i += 1) await takeToken(env, { ...limit, key: mine });
    expect((await takeToken(env, { ...limit, key: mine })).allowed).toBe(false);
    expect((await takeToken(env, { ...limit, key: theirs })).remaining).toBe(2);
  });

  it("are exact for many simultaneous requests, and when the object has many other keys", async () => {
    const many = { ...limit, key: "dave", quota: 60 };
    const crowd = Array.from({ length: 1_200 }, (_, i) =>
      limiterOf(env, many).take(`crowd:${i}`, { quota: 1, windowMs: 60_000 }),
    );
    const asked = Array.from({ length: 100 }, () => takeToken(env, many));
    const [mine] = await Promise.all([Promise.all(asked), Promise.all(crowd)]);
    expect(mine.filter(({ allowed }) => allowed)).toHaveLength(60);
    await evictDurableObject(limiterOf(env, many));
    const again = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        limiterOf(env, many).take(`crowd:${i}`, { quota: 1, windowMs: 60_000 }),
      ),
    );
    expect(again.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(200);
  });

  it("apply to a user on every route that reads D1 or a hub", async () => {
    const dave = await provider.mint({ sub: "dave", scope: HUB_ADMIN_SCOPE });
    const guild = env.PRIMARY_GUILD_ID;
    const useUp = async (name: string, quota: number): Promise<void> => {
      for (let i = 0; i < quota; i += 1) {
        await takeToken(env, { name, key: "dave", quota, windowMs: 60_000 });
      }
    };
    const Operation = z.object({ security: z.array(z.looseObject({})).default([]) });
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), Operation)) })
      .parse(await (await callWorker("/openapi.json")).json());
    // Routes with a narrower limit.
    const narrow = new Map([
      ["/end-room/123", "end-room"],
      ["/rooms/123/invite", "invites"],
      ["/events", "events"],
      ["/ws/ticket", "ws-ticket"],
      ["/ws", "ws-ticket"],
    ]);
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { security }]) => {
        const filled = path.replace("{guildId}", guild).replace(/\{\w+\}/, "123");
        return security.some((one) => "bearer" in one) ? [[method.toUpperCase(), filled]] : [];
      }),
    );
    const routes = [...documented, ["GET", "/ws"]].map(
      ([method = "", path = ""]) => [method, path, narrow.get(path) ?? "requests"] as const,
    );
    expect([...narrow.keys()].filter((path) => !routes.some((one) => one[1] === path))).toEqual([]);
    expect(routes.length).toBeGreaterThan(15);
    const call = (method: string, path: string): Promise<Response> =>
      callAs(
        dave,
        method,
        path,
        method === "POST" ? {} : undefined,
        path === "/ws" ? { Upgrade: "websocket" } : {},
      );
    for (const [method, path, name] of routes) {
      const { status, headers } = await call(method, path);
      expect([path, status]).not.toEqual([path, 429]);
      if (status !== 101) expect(headers.get("RateLimit")).toContain(`"${name}"`);
    }
    // Time stands still, so that no quota is refilled.
    later(0);
    await useUp("requests", limits.USER_REQUESTS_PER_MINUTE);
    await useUp("end-room", limits.ROOM_ENDS_PER_MINUTE);
    await useUp("invites", limits.INVITES_PER_MINUTE);
    await useUp("events", limits.EVENT_REQUESTS_PER_MINUTE);
    await useUp("ws-ticket", limits.TICKETS_PER_MINUTE);
    for (const [method, path] of routes) {
      const response = await call(method, path);
      expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(0);
      expect([path, (await problemOf(response)).code]).toEqual([path, "rate_limited"]);
      expect((await callAs(good, method, path)).status).not.toBe(429);
    }
  });

  it("write nothing for a key that asks now and then, and still count it exactly", async () => {
    const often = { ...limit, key: "frank", quota: 60 };
    const stub = limiterOf(env, often);
    later(0);
    const brief = MEMORY_ONLY_MS / 1_000;
    // Begins a half of the memory. The counts of the other key move on to the older half in between.
    await takeToken(env, { ...often, key: neighbourOf("frank") });
    later(3_000);
    for (let i = 1; i <= brief; i += 1) {
      expect((await takeToken(env, often)).remaining).toBe(60 - i);
    }
    later(3_000);
    expect((await takeToken(env, often)).remaining).toBe(57);
    later(MEMORY_ONLY_MS);
    expect((await takeToken(env, often)).remaining).toBe(59);
    // A neighbour that uses up its quota is written, and all that waits with it.
    await takeToken(env, { ...limit, key: neighbourOf("frank") });
    await written(neighbourOf("frank"));
    expect(await rowsAt(stub)).toEqual([`test:${neighbourOf("frank")}`]);

    for (let i = 1; i <= brief; i += 1) await takeToken(env, often);
    await written("frank");
    await evictDurableObject(stub);
    expect((await takeToken(env, often)).remaining).toBe(53);
  });

  it("need a fixed number of objects for any number of keys", async () => {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => takeToken(env, { ...limit, key: `user-${i}` })),
    );
    const objects = await listDurableObjectIds(env.LIMITER);
    expect(objects.length).toBeLessThanOrEqual(RATE_LIMITERS);
    expect(objects.length).toBeGreaterThan(RATE_LIMITERS / 2);
  });

  it("delete rows with a full quota, also while other requests keep arriving", async () => {
    const other = neighbourOf("erin");
    await takeToken(env, { ...limit, key: "erin" });
    await written("erin");
    const stub = limiterOf(env, { ...limit, key: "erin" });
    const due = await runInDurableObject(stub, (_, state) => state.storage.getAlarm());
    later(30_000);
    await evictDurableObject(stub);
    for (let i = 0; i < 3; i += 1) await takeToken(env, { ...limit, key: other });
    await written(other);
    later(Math.max(0, (due ?? 0) - Date.now()));
    await runDurableObjectAlarm(stub);
    expect(await rowsAt(stub)).toEqual([`test:${other}`]);
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).not.toBeNull();
  });
});

describe("the shell", () => {
  it("gives each answer our own request id and headers against framing, whatever the client sends", async () => {
    const mine = { "X-Request-Id": "chosen-by-the-client" };
    const answers = [
      await callWorker("/health", { headers: mine }),
      await callWorker("/nothing", { headers: mine }),
      await callWorker("/rooms", { headers: mine }),
    ];
    for (const { headers } of answers) {
      expect(headers.get("X-Request-Id")).toMatch(/^[\da-f-]{36}$/);
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("Strict-Transport-Security")).not.toBeNull();
      expect(headers.get("Cache-Control")).toBe("no-store");
      // Also without an Origin, because a cache may use the answer for a page of another origin.
      expect(headers.get("Vary")).toMatch(/^Origin$|, Origin$/);
    }
    const ids = answers.map(({ headers }) => headers.get("X-Request-Id"));
    expect(new Set(ids).size).toBe(3);
  });

  it("gives them also to answers from elsewhere, whose own headers cannot be changed", async () => {
    const app = createApp();
    app.get("/elsewhere", () => Response.redirect("https://elsewhere.test/", 302));
    const { status, headers } = await app.request("https://hub.test/elsewhere", {}, env);
    expect([status, headers.get("Location")]).toEqual([302, "https://elsewhere.test/"]);
    expect(headers.get("X-Request-Id")).toMatch(/^[\da-f-]{36}$/);
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
  });

  it("logs one line per request, without the query", async () => {
    const info = vi.spyOn(console, "info");
    await callWorker("/nothing?ticket=secret");
    const lines = info.mock.calls.map(([line]) => String(line));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      event: "http.request",
      method: "GET",
      path: "/nothing",
      status: 404,
    });
    expect(lines[0]).not.toContain("secret");
  });

  it("answers /health as text, and as JSON on request", async () => {
    const plain = await callWorker("/health");
    expect([plain.status, await plain.text()]).toEqual([200, "ok"]);
    expect(plain.headers.get("Content-Type")).toMatch(/^text\/plain/);
    const json = await callWorker("/health", { headers: { Accept: "application/json" } });
    expect(await json.json()).toMatchObject({ status: "healthy", version: expect.any(String) });
    const names = ["DB", "ASSETS", "HUB", "DISCORD", "LIMITER", "MONITOR"];
    const alone = { ...env, ...Object.fromEntries(names.map((name) => [name, undefined])) };
    expect((await createApp().request("/health", {}, alone)).status).toBe(200);
    const head = await callWorker("/health", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("is ready when D1, the hub and the gateway are, and names the part that is not", async () => {
    const monitor = env.MONITOR.get(env.MONITOR.idFromName("gateway"));
    const before = await callWorker("/ready");
    expect(before.status).toBe(503);
    expect(await before.json()).toEqual({
      ready: false,
      checks: {
        d1: true,
        hub: true,
        gateway: { state: "down", heartbeatAgeMs: null, inGuild: null },
        matches: { webhook: true, dataApi: true, linking: true },
      },
    });
    await monitor.heartbeat({ guildId: env.PRIMARY_GUILD_ID, state: "connected", since: 1 });
    later(READY_FRESH_MS);
    const after = await callWorker("/ready");
    expect(after.status).toBe(200);
    expect(await after.json()).toMatchObject({
      ready: true,
      checks: { gateway: { state: "connected", heartbeatAgeMs: expect.any(Number) } },
    });
  });

  it("checks the hub and D1 once in a while, however many requests /ready gets", async () => {
    const app = createApp();
    let looks = 0;
    const counted = {
      ...env,
      DB: {
        prepare: (query: string) => {
          if (query.includes("FROM rooms")) looks += 1;
          return env.DB.prepare(query);
        },
      } as typeof env.DB,
    };
    const ask = (): Promise<Response> => Promise.resolve(app.request("/ready", {}, counted));
    const first = await Promise.all(Array.from({ length: 20 }, ask));
    for (const answer of first) expect(await answer.json()).toHaveProperty("checks.d1", true);
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(looks).toBe(1);
    for (const answer of answers) expect(await answer.json()).toHaveProperty("checks.hub", true);
    later(READY_FRESH_MS);
    await Promise.all(Array.from({ length: 20 }, ask));
    expect(looks).toBe(2);
    // The request that checks again is cancelled. The others get the last answer, and soon one checks again.
    later(READY_FRESH_MS);
    const silent = { ...counted, DB: { prepare: () => ({ all: never }) } };
    void app.request("/ready", {}, silent);
    expect(await (await ask()).json()).toHaveProperty("checks.d1", true);
    later(10_000);
    await ask();
    expect(looks).toBe(3);
    // Before the first answer all requests wait for it, but not longer than an answer may take.
    const begun = createApp();
    void begun.request("/ready", {}, silent);
    const waiting = Array.from({ length: 5 }, async () => begun.request("/ready", {}, counted));
    later(20_000);
    for (const answer of await Promise.all(waiting)) {
      expect(await answer.json()).toHaveProperty("checks.d1", true);
    }
    expect(looks).toBe(4);
  });

  it("answers a program at / with JSON, and gives the page its configuration", async () => {
    const welcome = await callWorker("/");
    expect(await welcome.json()).toMatchObject({ name: "GuildHub", docs: "/docs" });
    expect(welcome.headers.get("Vary")).toContain("Accept");
    const both = await callWorker("/", { headers: { Origin: PAGE_ORIGIN } });
    expect(both.headers.get("Vary")).toMatch(/Accept/);
    expect(both.headers.get("Vary")).toMatch(/Origin/);
    const config = await callWorker("/config.json");
    expect(await config.json()).toEqual({
      sync: true,
      issuer: TEST_ISSUER,
      clientId: "guildhub-console",
      audience: TEST_AUDIENCE,
      guildId: env.PRIMARY_GUILD_ID,
      matches: true,
      roomIdleMinutes: 15,
    });
  });

  describe("with the page", () => {
    const html = (text: string): Response =>
      new Response(text, { headers: { "Content-Type": "text/html; charset=utf-8", ETag: '"1"' } });
    const files: Readonly<Record<string, () => Response>> = {
      "/": () => html("the page"),
      "/docs": () => html("the API page"),
      "/assets/page-1a2b.js": () =>
        new Response("1", {
          headers: {
            "Content-Type": "text/javascript",
            "Cache-Control": "public, max-age=0, must-revalidate",
          },
        }),
      "/icon.svg": () => new Response("<svg/>", { headers: { "Content-Type": "image/svg+xml" } }),
    };
    const ASSETS = {
      fetch: async (url: string) =>
        files[new URL(url).pathname]?.() ?? new Response(null, { status: 404 }),
    };
    const visit = (path: string, headers: Record<string, string> = { Accept: "text/html,*/*" }) =>
      createApp().request(`https://hub.test${path}`, { headers }, { ...env, ASSETS });

    it("serves it to browsers, and only to them", async () => {
      const page = await visit("/");
      expect(await page.text()).toBe("the page");
      expect(page.headers.get("Vary")).toContain("Accept");
      const program = await visit("/", { Accept: "*/*" });
      expect(program.headers.get("Content-Type")).toBe("application/json");
      expect(await (await visit("/docs")).text()).toBe("the API page");
      expect((await visit("/docs/")).headers.get("Location")).toBe("/docs");
      expect((await visit("//evil.test/docs")).status).toBe(404);
      expect(await problemOf(await visit("/gone.js"))).toMatchObject({ code: "not_found" });
    });

    it("lets caches store files that are named by their content, and no missing files", async () => {
      const kept = async (path: string): Promise<unknown> => {
        const { status, headers } = await visit(path);
        return [status, headers.get("Cache-Control")];
      };
      const forever = "public, max-age=31536000, immutable";
      expect(await kept("/assets/page-1a2b.js")).toEqual([200, forever]);
      expect(await kept("/icon.svg")).toEqual([200, "no-cache"]);
      for (const gone of ["/assets/page-9f9f.js", "/assets/", "/assets", "/gone.svg"]) {
        expect(await kept(gone)).toEqual([404, "no-store"]);
      }
    });

    it("allows it only its own scripts, and requests to the stream, the issuer and Discord", async () => {
      const { headers } = await visit("/");
      const policy = new Map(
        (headers.get("Content-Security-Policy") ?? "").split("; ").map((rule) => {
          const [name = "", ...values] = rule.split(" ");
          return [name, values] as const;
        }),
      );
      expect(policy.get("default-src")).toEqual(["'none'"]);
      expect(policy.get("script-src")).toEqual(["'self'"]);
      expect(policy.get("style-src")).toEqual(["'self'"]);
      expect(policy.get("img-src")).toEqual(["'self'", "data:", "https://cdn.discordapp.com"]);
      expect(policy.get("connect-src")).toEqual(
        expect.arrayContaining(["'self'", "wss://hub.test", TEST_ISSUER, "https://discord.test"]),
      );
      expect(policy.get("frame-ancestors")).toEqual(["'none'"]);
      expect(policy.get("base-uri")).toEqual(["'none'"]);
      expect(headers.get("Cache-Control")).toBe("no-cache");
      expect(headers.get("X-Frame-Options")).toBe("DENY");
      const icon = await visit("/icon.svg");
      expect(icon.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    });
  });

  it("explains each error at the address of its type", async () => {
    const problem = await problemOf(await callWorker("/nothing"));
    const url = new URL(problem.type, "https://hub.test");
    const page = await callWorker(url.pathname, { headers: { Accept: "text/html" } });
    const text = await page.text();
    expect(page.headers.get("Content-Type")).toMatch(/^text\/html/);
    for (const code of Object.keys(ERROR_CODES)) expect(text).toContain(`id="${code}"`);
    expect(page.headers.get("Content-Security-Policy")).not.toContain("script-src");
    const limitsPage = await (await callWorker("/docs/limits")).text();
    for (const name of Object.keys(limits)) {
      expect(limitsPage.replaceAll("<wbr>", "")).toContain(`<code>${name}</code>`);
    }
  });

  it("answers an unknown path with 404, and another method with 405 and Allow", async () => {
    expect(await problemOf(await callWorker("/nothing"))).toMatchObject({
      status: 404,
      code: "not_found",
    });
    const cases = [
      ["PUT", "/create-room", "POST"],
      ["DELETE", "/rooms", "GET, HEAD"],
      ["POST", "/rooms/123", "GET, HEAD"],
      ["PATCH", "/end-room/123", "DELETE"],
      ["POST", "/", "GET, HEAD"],
    ] as const;
    for (const [method, path, allow] of cases) {
      const response = await callWorker(path, { method });
      expect(response.headers.get("Allow")).toBe(allow);
      expect(await problemOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
    }
    expect((await callWorker("/create-room", { method: "GET" })).headers.get("Allow")).toBe("POST");
  });

  it("answers a bug with the request id of its log line, and without details", async () => {
    const app = createApp();
    app.get("/bug", () => {
      throw new Error("secret detail");
    });
    const error = vi.spyOn(console, "error");
    const response = await app.request("/bug", {}, env);
    const text = await response.clone().text();
    expect(response.status).toBe(500);
    expect(text).not.toContain("secret detail");
    const problem = await problemOf(response);
    const line = error.mock.calls.map(([first]) => String(first)).join("\n");
    expect(line).toContain("secret detail");
    expect(line).toContain(problem.requestId);
  });

  it("maps the HTTPException of a library by its status, and a restarting part to unavailable", async () => {
    const app = createApp();
    app.get("/refused/:status", (c) => {
      throw new HTTPException(Number(c.req.param("status")) as 400, { message: "secret detail" });
    });
    app.get("/restarts/:flag", (c) => {
      throw Object.assign(new Error("secret detail"), { [c.req.param("flag")]: true });
    });
    app.get("/database/:says", async (c) => {
      const broken = {
        prepare: () => {
          throw new Error(`D1_ERROR: ${c.req.param("says")}: secret detail`);
        },
      };
      await drizzle(broken as unknown as D1Database).get(sql`SELECT 1`);
      return c.text("unreachable");
    });
    for (const [path, status, code] of [
      ["/refused/400", 400, "invalid_json"],
      ["/refused/401", 401, "unauthorized"],
      ["/refused/413", 413, "body_too_large"],
      ["/refused/415", 400, "invalid_request"],
      ["/refused/500", 500, "internal"],
      ["/restarts/retryable", 503, "unavailable"],
      ["/restarts/overloaded", 503, "unavailable"],
      ["/restarts/other", 500, "internal"],
      ["/database/Network%20connection%20lost.", 503, "unavailable"],
      ["/database/D1%20DB%20is%20overloaded.", 503, "unavailable"],
      ["/database/no%20such%20table", 500, "internal"],
    ] as const) {
      const response = await app.request(path, {}, env);
      const problem = await problemOf(response);
      expect([response.status, problem.status, problem.code]).toEqual([status, status, code]);
      expect(JSON.stringify(problem)).not.toContain("secret detail");
      expect(response.headers.has("Retry-After")).toBe(status === 503);
    }
  });

  it("names each missing variable in the answer and in the log", async () => {
    const error = vi.spyOn(console, "error");
    const broken = {
      ...env,
      JWT_ISSUER: undefined,
      HUB_SECRET: "short",
      ROOM_IDLE_MINUTES: "soon",
      FACEIT_API_URL: "nowhere",
    };
    const response = await createApp().request("/rooms", {}, broken);
    expect(response.status).toBe(503);
    const problem = await problemOf(response);
    expect(problem.detail).toContain("JWT_ISSUER");
    // Variables of all layers and areas, not only of the route's area.
    expect(problem.detail).toContain("HUB_SECRET");
    expect(problem.detail).toContain("ROOM_IDLE_MINUTES");
    expect(problem.detail).toContain("FACEIT_API_URL");
    expect(problem.detail).not.toContain("short");
    expect(String(error.mock.calls[0]?.[0])).toContain("JWT_ISSUER");
    expect((await createApp().request("/health", {}, broken)).status).toBe(200);
  });
});

describe("CORS (rooms.md §1)", () => {
  const preflight = (origin: string): Promise<Response> =>
    callWorker("/create-room", {
      method: "OPTIONS",
      headers: {
        Origin: origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
      },
    });

  it("allows the origins in WEB_ORIGIN", async () => {
    for (const origin of [PAGE_ORIGIN, "http://localhost:8787"]) {
      const { headers, status } = await preflight(origin);
      expect(status).toBe(204);
      expect(headers.get("Access-Control-Allow-Origin")).toBe(origin);
      expect(headers.get("Access-Control-Allow-Methods")).toBe("GET,POST,DELETE");
      expect(headers.get("Access-Control-Allow-Headers")?.split(",").toSorted()).toEqual([
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "Last-Event-ID",
        "X-Idempotency-Key",
        "traceparent",
      ]);
      expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    }
  });

  it.each(["https://evil.test", "https://page.test.evil.test", "http://page.test", "null"])(
    "does not allow %s",
    async (origin) => {
      expect((await preflight(origin)).headers.get("Access-Control-Allow-Origin")).toBeNull();
      const real = await callWorker("/health", { headers: { Origin: origin } });
      expect(real.headers.get("Access-Control-Allow-Origin")).toBeNull();
    },
  );

  it("lets a page read /health", async () => {
    const { headers } = await callWorker("/health", { headers: { Origin: PAGE_ORIGIN } });
    expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE_ORIGIN);
  });

  it("lets a page read failures, their id and the limits", async () => {
    const response = await callWorker("/rooms", { headers: { Origin: PAGE_ORIGIN } });
    expect(response.status).toBe(401);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(PAGE_ORIGIN);
    expect(response.headers.get("Vary")).toBe("Origin");
    const exposed = response.headers.get("Access-Control-Expose-Headers") ?? "";
    for (const name of ["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"]) {
      expect(exposed.split(",")).toContain(name);
    }
  });
});

describe("bodies", () => {
  /** A body without a declared length. */
  const streamed = (bytes: number): ReadableStream =>
    new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(`"${"x".repeat(bytes - 2)}"`));
        controller.close();
      },
    });
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    callWorker(path, {
      method: "POST",
      body,
      headers: {
        Authorization: `Bearer ${good}`,
        "Content-Type": "application/json",
        ...headers,
      },
    });

  it.each([
    ["/create-room", REQUEST_BODY_MAX_BYTES],
    ["/ws/ticket", REQUEST_BODY_MAX_BYTES],
    ["/internal/events", SIGNED_BODY_MAX_BYTES],
  ])("%s accepts a body up to the limit, and not one byte more", async (path, limit) => {
    for (const body of [(n: number) => `"${"x".repeat(n - 2)}"`, streamed]) {
      expect((await post(path, body(limit))).status).not.toBe(413);
      const response = await post(path, body(limit + 1));
      expect(response.status).toBe(413);
      expect(await problemOf(response)).toMatchObject({ code: "body_too_large" });
    }
  });

  it("must be JSON, whatever their Content-Type is", async () => {
    expect(await problemOf(await post("/ws/ticket", "{"))).toMatchObject({ code: "invalid_json" });
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      expect((await post("/ws/ticket", "{}", { "Content-Type": type })).status).toBe(201);
      const broken = await post("/ws/ticket", "a=b", { "Content-Type": type });
      expect(await problemOf(broken)).toMatchObject({ code: "invalid_json" });
    }
  });

  it("are refused if they are not UTF-8 (RFC 8259 §8.1)", async () => {
    const bytes = Uint8Array.from('{"guildId":"\u00e9"}', (text) => text.charCodeAt(0));
    expect(await problemOf(await post("/ws/ticket", bytes))).toMatchObject({
      code: "invalid_json",
    });
    // With a byte order mark, which is none of the text, and with the character that stands for what cannot be read.
    for (const body of ["\ufeff{}", '{"other":"\ufffd"}']) {
      expect((await post("/ws/ticket", body)).status).toBe(201);
    }
  });

  it.each([
    "Application/JSON; charset=utf-8",
    "application/json ; charset=UTF-8",
    "application/json;",
    "application/json;charset=",
    "application/json, application/json",
    "application/jsonp",
    "application/json5",
    "application/problem+json",
    "application/x+json;;;",
    ";",
    ",",
    "",
  ])("are read as JSON also as %j (RFC 9110 §5.6.6)", async (type) => {
    const token = await provider.mint({ sub: `types ${type}` });
    const typed = { "Content-Type": type, Authorization: `Bearer ${token}` };
    expect((await post("/ws/ticket", "{}", typed)).status).toBe(201);
    const wrong = await post("/ws/ticket", '{"guildId":1}', typed);
    expect(await problemOf(wrong)).toMatchObject({ code: "invalid_request" });
    const broken = await post("/ws/ticket", "callback({})", typed);
    expect(await problemOf(broken)).toMatchObject({ code: "invalid_json" });
    for (const path of ["/create-room", "/rooms/123/invite"]) {
      const answer = await post(path, '{"guildId":1,"maxAge":-1}', typed);
      expect(await problemOf(answer)).toMatchObject({ code: "invalid_request" });
    }
  });

  it("may be absent where no field is required, whatever the Content-Type is", async () => {
    expect((await callAs(good, "POST", "/ws/ticket")).status).toBe(201);
    expect((await post("/ws/ticket", "")).status).toBe(201);
  });

  it("that are invalid are refused with a pointer to each error", async () => {
    const response = await callAs(good, "POST", "/ws/ticket", { guildId: "a b" });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({
      code: "invalid_request",
      errors: [{ pointer: "/guildId" }],
    });
    expect(problem.message).toBe(problem.detail);
    expect(problem.requestId).toBe(response.headers.get("X-Request-Id"));
  });
});

const Document = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        operationId: z.string(),
        security: z.array(z.record(z.string(), z.unknown())).optional(),
        requestBody: z.unknown().optional(),
        responses: z.record(z.string(), z.unknown()),
      }),
    ),
  ),
});

/** A body that is too large everywhere. */
const LARGER_THAN_ALLOWED = "x".repeat(Math.max(SIGNED_BODY_MAX_BYTES, SYNC_BODY_MAX_BYTES) + 1);

describe("the OpenAPI document", () => {
  const read = async () => Document.parse(await (await callWorker("/openapi.json")).json());
  const operations = async () =>
    Object.entries((await read()).paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, "123"),
        ...operation,
      })),
    );

  it("names each operation once, area first", async () => {
    const ids = (await operations()).map(({ operationId }) => operationId);
    expect(ids.length).toBeGreaterThan(8);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+\.[a-zA-Z]+$/);
  });

  it("has a limit per user on each operation with a token", async () => {
    const unlimited = (await operations())
      .filter(({ security = [] }) => security.some((one) => "bearer" in one))
      .filter(({ responses }) => responses["429"] === undefined)
      .map(({ operationId }) => operationId);
    expect(unlimited).toEqual([]);
  });

  it("declares the answers of each operation to a wrong request", async () => {
    const undeclared: string[] = [];
    const json = { "Content-Type": "application/json" };
    for (const operation of await operations()) {
      const { method, path, operationId, responses, requestBody, security } = operation;
      const call = (init: RequestInit): Promise<Response> => callWorker(path, { method, ...init });
      const bearer = { Authorization: `Bearer ${good}` };
      const unsigned = await call({});
      const isOptional = security?.some((one) => Object.keys(one).length === 0) ?? true;
      if (!isOptional) expect([401, 403]).toContain(unsigned.status);
      const answers = [
        unsigned,
        await createApp().request(
          path,
          { method },
          { ...env, JWT_ISSUER: "" },
          createExecutionContext(),
        ),
      ];
      if (requestBody !== undefined) {
        const tooLarge = await call({ body: LARGER_THAN_ALLOWED });
        expect(tooLarge.status).toBe(413);
        answers.push(tooLarge);
        for (const [body, type] of [
          ["{", json],
          ["[]", json],
          ["{}", { "Content-Type": "text/plain" }],
        ] as const) {
          answers.push(await call({ body, headers: { ...bearer, ...type } }));
        }
      }
      for (const { status } of answers) {
        if (responses[status] === undefined) undeclared.push(`${operationId}: ${status}`);
      }
    }
    expect(undeclared).toEqual([]);
  });

  it("is served beside the AsyncAPI document", async () => {
    const events = await (await callWorker("/asyncapi.json")).json();
    expect(events).toMatchObject({ asyncapi: "3.0.0", channels: { stream: { address: "/ws" } } });
  });

  it.each([
    ["http://127.0.0.1:9001", { host: "127.0.0.1:9001", protocol: "ws" }],
    ["https://hub.example", { host: "hub.example", protocol: "wss" }],
  ])("names %s, the origin of the request, as the stream's server", async (origin, server) => {
    const answer = await callWorker(`${origin}/asyncapi.json`);
    expect(await answer.json()).toMatchObject({ servers: { worker: server } });
  });
});
