import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { USER_AGENT } from "../../../protocol/outbound.ts";
import { FACEIT_ANSWER_MAX_BYTES } from "../../../protocol/limits.ts";
import { httpDiscordIdentity, httpFaceitIdentity } from "./http-identities.ts";

const GUID = "11111111-1111-4111-8111-111111111111";
const SUB = "22222222-2222-4222-8222-222222222222";

type Call = { readonly url: string; readonly init: RequestInit };

let calls: Call[];
/** The next answers, in order. A function may throw. */
let answers: (() => Response)[];
let lines: string[];

const fetchOf = (url: string, init: RequestInit): Promise<Response> => {
  calls.push({ url, init });
  const answer = answers.shift();
  return answer === undefined ? Promise.reject(new Error("no answer is left")) : tried(answer);
};

async function tried(answer: () => Response): Promise<Response> {
  await Promise.resolve();
  return answer();
}

const json =
  (body: unknown, status = 200) =>
  (): Response =>
    Response.json(body, { status });
const lost = (): Response => {
  throw new TypeError("connection lost");
};
const TOKENS = json({ access_token: "the-token", refresh_token: "r", id_token: "i" });

const OAUTH = {
  clientId: "client",
  clientSecret: "client-secret",
  redirectUri: "https://hub.test/faceit/callback",
  authorizeUrl: "https://accounts.faceit.test/?lang=en",
  tokenUrl: "https://api.faceit.test/token",
  userinfoUrl: "https://api.faceit.test/userinfo",
};

const faceit = (more: Partial<typeof OAUTH> | { clientSecret: undefined } = {}) =>
  httpFaceitIdentity({ ...OAUTH, ...more }, fetchOf);
const discord = () =>
  httpDiscordIdentity(
    {
      apiUrl: "https://discord.test/api/v10",
      authorizeUrl: "https://discord.test/oauth2/authorize",
      clientId: "100",
      clientSecret: "discord-secret",
      redirectUri: "https://hub.test/faceit/link",
    },
    fetchOf,
  );

const formOf = ({ init }: Call): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(typeof init.body === "string" ? init.body : ""));
const headersOf = ({ init }: Call): Headers => new Headers(init.headers);

beforeEach(() => {
  calls = [];
  answers = [];
  lines = [];
  vi.spyOn(console, "warn").mockImplementation((line) => void lines.push(String(line)));
});
afterEach(() => void vi.restoreAllMocks());

describe("FACEIT's OAuth2", () => {
  it("is opened with a challenge and a state (RFC 6749 §4.1.1, RFC 7636 §4.3)", () => {
    const url = new URL(faceit().authorizeUrl("the-state", "the-challenge"));
    expect(url.origin).toBe("https://accounts.faceit.test");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      lang: "en",
      response_type: "code",
      client_id: "client",
      redirect_uri: OAUTH.redirectUri,
      scope: "openid profile",
      state: "the-state",
      code_challenge: "the-challenge",
      code_challenge_method: "S256",
      redirect_popup: "true",
    });
  });

  it("returns the account for a code, the verifier and the client's secret", async () => {
    answers = [TOKENS, json({ guid: GUID, sub: SUB, nickname: " aurora\u202E_one\n", name: "x" })];
    expect(await faceit().whoIs("the-code", "the-verifier")).toEqual({
      ok: true,
      value: { playerId: GUID, nickname: "aurora_one" },
    });
    const [token, userinfo] = calls;
    if (token === undefined || userinfo === undefined) throw new Error("two calls were expected");
    expect(formOf(token)).toEqual({
      grant_type: "authorization_code",
      code: "the-code",
      redirect_uri: OAUTH.redirectUri,
      code_verifier: "the-verifier",
    });
    expect(headersOf(token).get("Authorization")).toBe(`Basic ${btoa("client:client-secret")}`);
    expect(headersOf(userinfo).get("Authorization")).toBe("Bearer the-token");
    expect(calls.every(({ init }) => init.redirect === "manual")).toBe(true);
  });

  it("supports a public client, which names itself in the body", async () => {
    answers = [TOKENS, json({ guid: GUID, nickname: "n" })];
    await faceit({ clientSecret: undefined }).whoIs("the-code", "the-verifier");
    const [token] = calls;
    if (token === undefined) throw new Error("a call was expected");
    expect(formOf(token)).toMatchObject({ client_id: "client", code_verifier: "the-verifier" });
    expect(headersOf(token).get("Authorization")).toBeNull();
  });

  it.each([
    [
      { sub: SUB.toUpperCase(), name: "by name" },
      { playerId: SUB, nickname: "by name" },
    ],
    [
      { guid: null, sub: SUB, nickname: " ", preferred_username: "p" },
      { playerId: SUB, nickname: "p" },
    ],
    [
      { guid: 5, sub: SUB, name: "n" },
      { playerId: SUB, nickname: "n" },
    ],
    [
      { guid: GUID, nickname: 7 },
      { playerId: GUID, nickname: GUID },
    ],
  ])("reads %j as %j", async (userinfo, value) => {
    answers = [TOKENS, json(userinfo)];
    expect(await faceit().whoIs("c", "v")).toEqual({ ok: true, value });
  });

  it("cuts a long nickname", async () => {
    answers = [TOKENS, json({ guid: GUID, nickname: "n".repeat(400) })];
    const value = { playerId: GUID, nickname: "n".repeat(100) };
    expect(await faceit().whoIs("c", "v")).toEqual({ ok: true, value });
  });

  it.each([{}, { guid: "not-a-uuid", sub: SUB }, { sub: "me" }, { guid: 7 }, [], "text", null])(
    "finds no account in %j",
    async (userinfo) => {
      answers = [TOKENS, json(userinfo)];
      expect(await faceit().whoIs("c", "v")).toEqual({
        ok: false,
        error: { kind: "no_account_id" },
      });
    },
  );

  it.each([
    ["in seconds", 429, "90", 90_000],
    ["as a date", 429, new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
    ["without a time", 429, undefined, null],
    ["in a 503", 503, "120", 120_000],
  ])(
    "returns a requested pause (%s), from the token endpoint and from userinfo",
    async (_, status, told, ms) => {
      const headers: HeadersInit = told === undefined ? {} : { "Retry-After": told };
      const pause = (): Response => new Response("<html>", { status, headers });
      answers = [pause, TOKENS, pause, pause];
      const asked = [
        await faceit().whoIs("the-code", "the-verifier"),
        await faceit().whoIs("the-code", "the-verifier"),
        await discord().whoIs("the-code"),
      ];
      for (const answer of asked) {
        if (answer.ok || answer.error.kind !== "rate_limited")
          throw new Error("no pause was returned");
        if (ms === null) expect(answer.error.retryAfterMs).toBeNull();
        // An HTTP date has whole seconds only.
        else expect(Math.abs((answer.error.retryAfterMs ?? 0) - ms)).toBeLessThan(10_000);
      }
    },
  );

  it.each([
    ["an invalid code", json({ error: "invalid_grant" }, 400), "bad_code"],
    ["an unknown client", json({ error: "invalid_client" }, 401), "refused"],
    ["another 400", json({ error: "invalid_request" }, 400), "refused"],
    ["a 400 without a reason", json("no", 400), "refused"],
    ["its own failure", json({}, 500), "failed"],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { Location: "https://evil.test/" } }),
      "failed",
    ],
    ["no token", json({ token_type: "bearer" }), "failed"],
    ["no JSON", () => new Response("<html>"), "failed"],
    ["too much", () => new Response("x".repeat(FACEIT_ANSWER_MAX_BYTES + 1)), "failed"],
    ["nothing", lost, "failed"],
  ])("exchange: %s", async (_, answer, kind) => {
    answers = [answer];
    expect(await faceit().whoIs("the-code", "the-verifier")).toEqual({
      ok: false,
      error: { kind },
    });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ["too few scopes", json({ error: "insufficient_scope" }, 403), "refused"],
    ["its own failure", json({}, 503), "failed"],
    ["nothing", lost, "failed"],
  ])("userinfo: %s", async (_, answer, kind) => {
    answers = [TOKENS, answer];
    expect(await faceit().whoIs("c", "v")).toEqual({ ok: false, error: { kind } });
  });
});

describe("Discord's OAuth2", () => {
  it("requests only the scope to identify the user", () => {
    const url = new URL(discord().authorizeUrl("the-state"));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: "code",
      client_id: "100",
      redirect_uri: "https://hub.test/faceit/link",
      scope: "identify",
      state: "the-state",
    });
  });

  it("returns the user for a code", async () => {
    answers = [TOKENS, json({ id: "7", username: "alice", global_name: "Alice" })];
    expect(await discord().whoIs("the-code")).toEqual({
      ok: true,
      value: { id: "7", name: "Alice" },
    });
    expect(calls.map(({ url }) => url)).toEqual([
      "https://discord.test/api/v10/oauth2/token",
      "https://discord.test/api/v10/users/@me",
    ]);
    answers = [TOKENS, json({ id: "7", username: "alice", global_name: 7 })];
    expect(await discord().whoIs("the-code")).toMatchObject({ value: { name: "alice" } });
    calls.splice(2);
    const agents = calls.map((call) => headersOf(call).get("User-Agent"));
    expect(agents).toEqual([USER_AGENT, USER_AGENT]);
    const [token] = calls;
    if (token === undefined) throw new Error("a call was expected");
    expect(headersOf(token).get("Authorization")).toBe(`Basic ${btoa("100:discord-secret")}`);
    expect(formOf(token)).toEqual({
      grant_type: "authorization_code",
      code: "the-code",
      redirect_uri: "https://hub.test/faceit/link",
    });
  });

  it.each([
    ["nothing", lost, "failed"],
    ["no id", json({ username: "alice" }), "failed"],
    ["a refusal", json({}, 401), "refused"],
  ])("user: %s", async (_, answer, kind) => {
    answers = [TOKENS, answer];
    expect(await discord().whoIs("c")).toEqual({ ok: false, error: { kind } });
  });
});

it("nothing secret is logged, whatever fails", async () => {
  for (const last of [
    lost,
    json({ error_description: "the-code the-token" }, 400),
    json({}, 500),
  ]) {
    answers = [last, TOKENS, last];
    await faceit().whoIs("the-code", "the-verifier");
    await faceit().whoIs("the-code", "the-verifier");
  }
  expect(lines).toHaveLength(6);
  expect(lines.join("\n")).not.toMatch(/the-code|the-token|the-verifier|client-secret|https?:/);
});
