import { applyD1Migrations, createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hexOf } from "../../protocol/bytes.ts";
import { createApp } from "../../app.ts";
import { Problem } from "../../platform/http/problem.ts";
import {
  INTERACTION_BODY_MAX_BYTES,
  INTERACTION_MAX_SKEW_SECONDS,
  LINK_STEPS_PER_MINUTE_PER_ADDRESS,
  LINK_TTL_MS,
  LINKS_PER_TEN_MINUTES,
  LOOKUPS_PER_MINUTE,
} from "../../protocol/limits.ts";
import { FakeDiscord } from "../../testing/discord.ts";
import { testMatch, testPlayer, testSide } from "../../testing/match.ts";
import { SOON } from "../../testing/soon.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import { callWorker, mockOutside, PAGE_ORIGIN } from "../../testing/worker.ts";
import { d1PlayerLinks } from "./adapters/d1-links.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import type { MatchesEnv } from "./env.ts";
import { MatchRoom } from "./room/match-room.ts";

const keys = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as CryptoKeyPair;
// Set before the configuration is read, because it is parsed only once.
Object.assign(env, {
  DISCORD_PUBLIC_KEY: hexOf(
    new Uint8Array((await crypto.subtle.exportKey("raw", keys.publicKey)) as ArrayBuffer),
  ),
});

const GUILD = env.PRIMARY_GUILD_ID;
const FACEIT_ACCOUNT = "11111111-1111-4111-8111-111111111111";
const DISCORD_CODE = "discord-code-0123456789";
const FACEIT_CODE = "faceit-code-0123456789";
const DISCORD_TOKEN = "discord-access-token-0123456789";
const FACEIT_TOKEN = "faceit-access-token-0123456789";
const FACEIT_REFRESH = "faceit-refresh-token-0123456789";

let provider: TestProvider;
let discord: FakeDiscord;
let tests = 0;
/** The person who signs in: each test has its own Discord user and address. */
let userId = "";
let address = "";
/** The answer of FACEIT's userinfo, and the requests to its token endpoint. */
let userinfo: unknown;
let exchanges: { readonly authorization: string | null; readonly form: URLSearchParams }[];
let lines: string[];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(() => {
  tests += 1;
  userId = `70000000000000${1000 + tests}`;
  address = `192.0.2.${tests}`;
  discord = new FakeDiscord();
  userinfo = { guid: FACEIT_ACCOUNT, nickname: `<b>player</b> ${tests}` };
  exchanges = [];
  lines = [];
  mockOutside(provider, outside);
  for (const level of ["debug", "info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((...said) => void lines.push(said.join(" ")));
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function outside(request: Request): Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  const authorization = request.headers.get("Authorization");
  if (pathname === "/api/v10/oauth2/token") {
    const form = await formOf(request);
    return form.get("code") === DISCORD_CODE
      ? Response.json({ access_token: DISCORD_TOKEN, token_type: "Bearer" })
      : Response.json({ error: "invalid_grant" }, { status: 400 });
  }
  if (authorization === `Bearer ${DISCORD_TOKEN}`) {
    return Response.json({ id: userId, username: "u", global_name: "Discord <i>name</i>" });
  }
  if (pathname === "/oauth/token") {
    const form = await formOf(request);
    exchanges.push({ authorization, form });
    return form.get("code") === FACEIT_CODE
      ? Response.json({ access_token: FACEIT_TOKEN, refresh_token: FACEIT_REFRESH })
      : Response.json({ error: "invalid_client" }, { status: 401 });
  }
  if (pathname === "/userinfo") return Response.json(userinfo);
  if (pathname === "/data/v4/players") return new Response("{}", { status: 404 });
  return hostname === "discord.test"
    ? discord.answer(request)
    : new Response(null, { status: 404 });
}

/** Reads bytes, because the runtime warns about `text()` for a form. */
async function formOf(request: Request): Promise<URLSearchParams> {
  return new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()));
}

/** Sends an interaction as Discord does; `more` changes it. */
async function interact(
  body: unknown,
  more: {
    readonly key?: CryptoKey;
    readonly seconds?: number;
    readonly headers?: Record<string, string | undefined>;
    readonly signed?: string;
  } = {},
): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const timestamp = String(more.seconds ?? Math.floor(Date.now() / 1000));
  const bytes = new TextEncoder().encode(timestamp + (more.signed ?? text));
  const signature = await crypto.subtle.sign("Ed25519", more.key ?? keys.privateKey, bytes);
  const headers = {
    "Content-Type": "application/json",
    "X-Signature-Timestamp": timestamp,
    "X-Signature-Ed25519": hexOf(new Uint8Array(signature)),
    ...more.headers,
  };
  const present = Object.entries(headers).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined;
  });
  return callWorker("/interactions", { method: "POST", headers: present, body: text });
}

type Answered = {
  readonly type: number;
  readonly data: {
    readonly content: string;
    readonly flags: number;
    readonly components?: readonly { readonly components: readonly { readonly url: string }[] }[];
  };
};

/** Uses a slash command. */
async function command(
  name: string,
  options: Record<string, string> = {},
  by = userId,
): Promise<Answered["data"]> {
  const answer = await interact({
    type: 2,
    id: "1",
    token: "interaction-token-0123456789",
    guild_id: GUILD,
    member: { user: { id: by, username: "u" }, permissions: "0", roles: [] },
    data: {
      id: "2",
      type: 1,
      name,
      options: Object.entries(options).map(([key, value]) => ({ name: key, type: 3, value })),
    },
  });
  expect(answer.status).toBe(200);
  const { type, data } = await answer.json<Answered>();
  expect({ type, flags: data.flags }).toEqual({ type: 4, flags: 64 });
  return data;
}

/** The address of the button in the reply to `/link`. */
async function link(): Promise<string> {
  const { components } = await command("link");
  return components?.[0]?.components[0]?.url ?? "";
}

/** Opens an address like a browser with this cookie. */
function visit(url: string, cookie = "", signal: AbortSignal | null = null): Promise<Response> {
  return callWorker(url, {
    signal,
    headers: { "CF-Connecting-IP": address, ...(cookie === "" ? {} : { Cookie: cookie }) },
    redirect: "manual",
  });
}

const cookieOf = (answer: Response): string =>
  (answer.headers.get("Set-Cookie") ?? "").split(";")[0] ?? "";
const locationOf = (answer: Response): URL => {
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get("Location") ?? "");
};
const stateOf = (answer: Response): string => locationOf(answer).searchParams.get("state") ?? "";

/** Goes through all steps until FACEIT's redirect. */
async function upToFaceit(): Promise<{ cookie: string; state: string; secrets: string[] }> {
  const url = await link();
  const opened = await visit(url);
  const first = cookieOf(opened);
  const fromDiscord = `/faceit/link?code=${DISCORD_CODE}&state=${stateOf(opened)}`;
  const returned = await visit(fromDiscord, first);
  const cookie = cookieOf(returned);
  const secrets = [
    new URL(url).searchParams.get("state") ?? "",
    stateOf(opened),
    stateOf(returned),
    first.split("=")[1] ?? "",
  ];
  return { cookie, state: stateOf(returned), secrets };
}

const linkOf = () => d1PlayerLinks(env.DB).ofDiscord(userId);

describe("POST /interactions", () => {
  it("answers Discord's ping, and only what Discord signed", async () => {
    const ping = { type: 1 };
    const text = JSON.stringify(ping);
    const answered = await interact(ping);
    expect(answered.status).toBe(200);
    expect(await answered.json()).toEqual({ type: 1 });

    const { privateKey } = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const old = Math.floor(Date.now() / 1000) - INTERACTION_MAX_SKEW_SECONDS - 5;
    for (const refused of [
      await interact(ping, { headers: { "X-Signature-Ed25519": undefined } }),
      await interact(ping, { headers: { "X-Signature-Timestamp": undefined } }),
      await interact(ping, { headers: { "X-Signature-Ed25519": "zz".repeat(64) } }),
      await interact(ping, { headers: { "X-Signature-Ed25519": "not hexadecimal" } }),
      await interact(ping, { signed: `${text} ` }),
      await interact(ping, { key: privateKey }),
      await interact(ping, { seconds: old }),
      await interact("not json at all", { key: privateKey }),
    ]) {
      expect(refused.status).toBe(401);
      expect(refused.headers.get("WWW-Authenticate")).toBe("Signature");
      expect(Problem.parse(await refused.json()).code).toBe("bad_interaction_signature");
    }
  });

  it("refuses a body that is too large before it checks the signature", async () => {
    const refused = await interact(" ".repeat(INTERACTION_BODY_MAX_BYTES + 1), { seconds: 0 });
    expect(refused.status).toBe(413);
    const large = await interact({ type: 1, more: "x".repeat(INTERACTION_BODY_MAX_BYTES - 100) });
    expect(large.status).toBe(200);
  });

  it("answers an unknown command with a message", async () => {
    expect((await interact("{")).status).toBe(400);
    for (const body of [{ type: 4 }, { type: "2" }, {}, null, [], { type: 2, data: {} }]) {
      const refused = await interact(body);
      expect(refused.status).toBe(400);
      expect(Problem.parse(await refused.json()).code).toBe("invalid_request");
    }
    expect((await command("no-such-command")).content).toContain("do not know this command");
    const button = await interact({ type: 3, data: { custom_id: "x" } });
    expect((await button.json<Answered>()).data.flags).toBe(64);
    const direct = await interact({ type: 2, user: { id: userId }, data: { name: "link" } });
    expect((await direct.json<Answered>()).data.content).toContain("in a server only");
  });

  it("does not allow other origins, as the steps of linking do not", async () => {
    for (const path of ["/interactions", "/faceit/link", "/faceit/callback", "/faceit-webhook"]) {
      const preflight = await callWorker(path, {
        method: "OPTIONS",
        headers: { Origin: PAGE_ORIGIN, "Access-Control-Request-Method": "POST" },
      });
      expect(preflight.headers.get("Access-Control-Allow-Origin")).toBeNull();
      expect(preflight.status).toBe(405);
    }
  });

  it("names the variable that is missing", async () => {
    const bare: MatchesEnv = Object.assign({}, env, { DISCORD_PUBLIC_KEY: undefined });
    const request = { method: "POST" };
    const answer = await createApp().request(
      "/interactions",
      request,
      bare,
      createExecutionContext(),
    );
    expect(answer.status).toBe(503);
    expect(Problem.parse(await answer.json()).detail).toContain("DISCORD_PUBLIC_KEY");
  });

  it("limits how often a person begins linking and looks players up", async () => {
    // The quota refills as time goes by.
    vi.useFakeTimers({ toFake: ["Date"] });
    for (let begun = 0; begun < LINKS_PER_TEN_MINUTES; begun += 1) {
      expect((await command("link")).components).toHaveLength(1);
    }
    const refused = await command("link");
    expect(refused.components).toBeUndefined();
    expect(refused.content).toContain("wait some minutes");
    const nobody = { nickname: "nobody" };
    for (let asked = 0; asked < LOOKUPS_PER_MINUTE; asked += 1) {
      expect((await command("whois", nobody)).content).toContain("no player");
    }
    expect((await command("whois", nobody)).content).toContain("Wait a minute");
  });
});

describe("linking, over HTTP", () => {
  it("links once, however often the callback is opened, and neither stores nor shows a secret", async () => {
    const url = await link();
    expect(new URL(url).origin).toBe("https://hub.test");

    const opened = await visit(url);
    const toDiscord = locationOf(opened);
    expect(toDiscord.origin + toDiscord.pathname).toBe("https://discord.test/oauth2/authorize");
    expect(toDiscord.searchParams.get("redirect_uri")).toBe("https://hub.test/faceit/link");
    expect(opened.headers.get("Set-Cookie")).toMatch(
      /^__Host-guildhub-link=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(opened.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(opened.headers.get("Cache-Control")).toBe("no-store");

    const { cookie, state, secrets } = await upToFaceit();
    const callback = `/faceit/callback?code=${FACEIT_CODE}&state=${state}`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => visit(callback, cookie)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, ...Array<number>(9).fill(410)]);
    const page = await answers.find(({ status }) => status === 200)?.text();
    expect(page).toContain("Your accounts are linked");
    expect(page).toContain(`&lt;b&gt;player&lt;/b&gt; ${tests}`);
    expect(page).toContain("Discord &lt;i&gt;name&lt;/i&gt;");
    expect(await linkOf()).toMatchObject({
      faceitId: FACEIT_ACCOUNT,
      nickname: `<b>player</b> ${tests}`,
      verifiedMethod: "oauth",
    });

    expect(exchanges).toHaveLength(1);
    const [exchange] = exchanges;
    const verifier = exchange?.form.get("code_verifier") ?? "";
    expect(verifier).toMatch(/^[\w-]{43}$/);
    expect(exchange?.authorization).toBe(
      `Basic ${btoa("test-faceit-client:test-faceit-client-secret-0123456789")}`,
    );

    // A direct message follows, after the answer.
    await vi.waitUntil(() => discord.messages.length > 0, SOON);
    expect(discord.messages.map(({ toUserId }) => toUserId)).toEqual([userId]);

    const all = [
      ...secrets,
      DISCORD_CODE,
      FACEIT_CODE,
      DISCORD_TOKEN,
      FACEIT_TOKEN,
      FACEIT_REFRESH,
      verifier,
      "test-faceit-client-secret",
      "test-discord-client-secret",
      "interaction-token",
    ];
    const kept = await everyRow();
    expect(lines.length).toBeGreaterThan(10);
    expect(kept).toContain(FACEIT_ACCOUNT);
    for (const secret of all) {
      expect(secret).not.toBe("");
      expect(lines.join("\n")).not.toContain(secret);
      expect(kept).not.toContain(secret);
    }
  });

  it("wakes the player's live matches, also when one of them fails", async () => {
    const players = [testPlayer(FACEIT_ACCOUNT)];
    const factions = { faction1: testSide("aurora", { players }) };
    const live = [`${tests}-broken`, `${tests}-whole`];
    const store = d1Matches(env.DB);
    for (const id of live) await store.write(testMatch(id, GUILD, { factions }));
    await store.write(testMatch(`${tests}-over`, GUILD, { factions, state: "ended" }));
    const looked: string[] = [];
    vi.spyOn(MatchRoom.prototype, "look").mockImplementation(async function (this: MatchRoom) {
      const { ctx } = this as unknown as { ctx: DurableObjectState };
      const name = ctx.id.name ?? "";
      looked.push(name);
      if (name.endsWith("broken")) throw new Error("the room is broken");
      return "looks";
    });
    const { cookie, state } = await upToFaceit();
    await visit(`/faceit/callback?code=${FACEIT_CODE}&state=${state}`, cookie);
    const line = "match_rooms.not_told";
    await vi.waitUntil(() => lines.some((text) => text.includes(line)), SOON);
    expect(looked.toSorted()).toEqual(live);
    for (const id of live) await store.write(testMatch(id, GUILD, { factions, state: "ended" }));
  });

  it("is completed when the browser disconnects: FACEIT's code works only once", async () => {
    const { cookie, state } = await upToFaceit();
    let released = false;
    mockOutside(provider, async (request) => {
      const response = await outside(request);
      if (new URL(request.url).pathname === "/oauth/token") {
        await vi.waitUntil(() => released, SOON);
      }
      return response;
    });
    const browser = new AbortController();
    const path = `/faceit/callback?code=${FACEIT_CODE}&state=${state}`;
    const answer = visit(path, cookie, browser.signal);
    answer.catch(() => {});
    await vi.waitUntil(() => exchanges.length === 1, SOON);
    browser.abort();
    await expect(answer).rejects.toThrow();
    released = true;
    await vi.waitUntil(async () => (await linkOf()) !== null, SOON);
    await vi.waitUntil(() => discord.messages.length > 0, SOON);
  });

  it("sends FACEIT the verifier of the challenge (RFC 7636 §4.6)", async () => {
    const opened = await visit(await link());
    const cookie = cookieOf(opened);
    const returned = await visit(
      `/faceit/link?code=${DISCORD_CODE}&state=${stateOf(opened)}`,
      cookie,
    );
    const { searchParams, origin } = locationOf(returned);
    expect(origin).toBe("https://faceit.test");
    await visit(`/faceit/callback?code=${FACEIT_CODE}&state=${stateOf(returned)}`, cookie);
    const verifier = exchanges[0]?.form.get("code_verifier") ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    expect(searchParams.get("code_challenge")).toBe(base64url.encode(new Uint8Array(digest)));
  });

  it("shows a failure on a page that repeats nothing from the request", async () => {
    const evil = "%3Cscript%3Ealert(1)%3C/script%3E";
    const { cookie, state } = await upToFaceit();
    const refused = await visit(
      `/faceit/callback?error=access_denied&error_description=${evil}&error_uri=${evil}&state=${state}`,
      cookie,
    );
    const unknown = await visit(`/faceit/link?state=${evil}&code=${evil}`);
    const again = await visit(`/faceit/callback?code=${evil}&state=${state}`, cookie);
    const nothing = await visit("/faceit/callback");
    const answers = [refused, unknown, again, nothing];
    expect(answers.map(({ status }) => status)).toEqual([200, 410, 410, 410]);
    for (const answer of answers) {
      const { headers } = answer;
      const page = await answer.text();
      expect(page).not.toMatch(/<script|alert\(1\)/);
      expect(page).not.toContain(state);
      expect(headers.get("Content-Type")).toBe("text/html; charset=UTF-8");
      expect(headers.get("Cache-Control")).toBe("no-store");
      expect(headers.get("Referrer-Policy")).toBe("no-referrer");
      expect(headers.get("X-Frame-Options")).toBe("DENY");
      const policy = headers.get("Content-Security-Policy") ?? "";
      expect(policy).toMatch(/^default-src 'none'; style-src 'nonce-([\w-]{36})';/);
      expect(policy).not.toContain("script-src");
      expect(page).toContain(`<style nonce="${/nonce-([\w-]{36})/.exec(policy)?.[1]}">`);
    }
    expect(await linkOf()).toBeNull();
  });

  it("stops a linking that continues in another browser, or as another Discord user", async () => {
    const { state } = await upToFaceit();
    const other = `__Host-guildhub-link=${"x".repeat(43)}`;
    expect((await visit(`/faceit/callback?code=${FACEIT_CODE}&state=${state}`, other)).status).toBe(
      403,
    );
    const opened = await visit(await link());
    const owner = userId;
    userId = "666";
    const stopped = await visit(
      `/faceit/link?code=${DISCORD_CODE}&state=${stateOf(opened)}`,
      cookieOf(opened),
    );
    expect(stopped.status).toBe(403);
    expect(await stopped.text()).toContain("belongs to somebody else");
    userId = owner;
    expect(exchanges).toEqual([]);
    expect(await linkOf()).toBeNull();
  });

  it("shows when FACEIT refuses this server, or does not name the account", async () => {
    const first = await upToFaceit();
    const refused = await visit(`/faceit/callback?code=wrong&state=${first.state}`, first.cookie);
    expect(refused.status).toBe(502);
    expect(await refused.text()).toContain("did not accept this server");
    userinfo = { nickname: "nobody" };
    const second = await upToFaceit();
    const nobody = await visit(
      `/faceit/callback?code=${FACEIT_CODE}&state=${second.state}`,
      second.cookie,
    );
    expect(nobody.status).toBe(502);
    expect(await nobody.text()).toContain("did not say which account it is");
    expect(await linkOf()).toBeNull();
  });

  it("expires after ten minutes, and expired steps are deleted", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const url = await link();
    const { cookie, state } = await upToFaceit();
    vi.setSystemTime(Date.now() + LINK_TTL_MS);
    expect((await visit(url)).status).toBe(410);
    expect(
      (await visit(`/faceit/callback?code=${FACEIT_CODE}&state=${state}`, cookie)).status,
    ).toBe(410);
    await command("link");
    const rows = await env.DB.prepare("SELECT discord_id, step FROM link_attempts").all();
    expect(rows.results).toEqual([{ discord_id: userId, step: "open" }]);
  });

  it("limits the steps per address and minute", async () => {
    // The quota refills as time goes by.
    vi.useFakeTimers({ toFake: ["Date"] });
    const statuses: number[] = [];
    for (let step = 0; step <= LINK_STEPS_PER_MINUTE_PER_ADDRESS; step += 1) {
      statuses.push((await visit("/faceit/callback")).status);
    }
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([410]));
    expect(statuses.at(-1)).toBe(429);
    const refused = await visit("/faceit/link");
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(await refused.text()).toContain("One moment");
    address = "192.0.2.254";
    expect((await visit("/faceit/callback")).status).toBe(410);
  });

  it("names the missing variables; over http the cookie has neither prefix nor Secure", async () => {
    const app = createApp();
    const open = (changed: object): Promise<Response> => {
      const other: MatchesEnv = Object.assign({}, env, changed);
      const request = new Request(`http://127.0.0.1:8787/faceit/link${new URL(url).search}`);
      return Promise.resolve(app.fetch(request, other, createExecutionContext()));
    };
    const url = await link();
    const bare = await open({ FACEIT_CLIENT_ID: "", DISCORD_CLIENT_SECRET: "" });
    expect(bare.status).toBe(503);
    expect(await bare.text()).toContain(
      "FACEIT_CLIENT_ID, FACEIT_REDIRECT_URI, DISCORD_CLIENT_SECRET",
    );
    const local = await open({ FACEIT_REDIRECT_URI: "http://127.0.0.1:8787/faceit/callback" });
    expect(local.headers.get("Set-Cookie")).toMatch(
      /^guildhub-link=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(locationOf(local).searchParams.get("redirect_uri")).toBe(
      "http://127.0.0.1:8787/faceit/link",
    );
  });
});

/** Everything that D1 holds, as text. */
async function everyRow(): Promise<string> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const tables = await Promise.all(
    results.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}"`).all()),
  );
  return JSON.stringify(tables.map((table) => table.results));
}
