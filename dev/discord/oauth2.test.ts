import { describe, expect, it } from "vitest";
import { localApplication } from "./application.ts";
import type { LocalDiscord } from "./local-discord.ts";
import { control } from "../doubles/control.ts";
import { asObject, BOT, call, PLAYER, startForTest, TOKEN } from "./test-client.ts";
import { CODE_LIFETIME_MS, Grants } from "../doubles/oauth2.ts";

const BACK = "http://127.0.0.1:8787/faceit/link";
const { id, clientSecret } = localApplication(TOKEN);
const BASIC = `Basic ${Buffer.from(`${id}:${clientSecret}`).toString("base64")}`;

const start = (): Promise<LocalDiscord> => startForTest({ oauthRedirectUris: [BACK] });

/** The address of the authorize page with changed parameters; null removes one. */
function address({ url }: LocalDiscord, changes: Record<string, string | null> = {}): string {
  const usual = { client_id: id, redirect_uri: BACK, response_type: "code", scope: "identify" };
  const query = Object.entries({ ...usual, state: "s&t", ...changes });
  const page = new URL(`${url}/oauth2/authorize`);
  for (const [name, value] of query) {
    if (value !== null) page.searchParams.set(name, value);
  }
  return page.href;
}

/** Submits the form like a browser. @returns the query parameters of the redirect */
async function choose(page: string, form: Record<string, string>): Promise<Record<string, string>> {
  const sent = await fetch(page, {
    method: "POST",
    body: new URLSearchParams(form),
    redirect: "manual",
  });
  expect(sent.status).toBe(302);
  const target = new URL(sent.headers.get("location") ?? "");
  expect(target.origin + target.pathname).toBe(BACK);
  return Object.fromEntries(target.searchParams);
}

async function codeOf(discord: LocalDiscord): Promise<string> {
  return (await choose(address(discord), { user_id: PLAYER }))["code"] ?? "";
}

/** A call of an OAuth2 client. */
async function post(
  { url }: LocalDiscord,
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = { authorization: BASIC },
): Promise<{ status: number; body: Record<string, unknown> }> {
  const body = new URLSearchParams(form);
  const response = await fetch(`${url}/api/v10/oauth2${path}`, { method: "POST", headers, body });
  return { status: response.status, body: asObject(await response.json()) };
}

const exchange = (discord: LocalDiscord, code: string, form: Record<string, string> = {}) =>
  post(discord, "/token", { grant_type: "authorization_code", code, redirect_uri: BACK, ...form });

describe("OAuth2 of the local Discord", () => {
  it("gives the application the user's identity, and nothing more", async () => {
    const discord = await start();
    const { state, ...sentBack } = await choose(address(discord), { user_id: PLAYER });
    expect([state, Object.keys(sentBack)]).toEqual(["s&t", ["code"]]);
    const { body } = await exchange(discord, sentBack["code"] ?? "");
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 604_800, scope: "identify" });
    const headers = { authorization: `Bearer ${String(body["access_token"])}` };
    const self = await call(discord, "GET", "/users/@me", { headers });
    expect(self.body).toMatchObject({ id: PLAYER, username: "player-1", global_name: "Player 1" });
    expect(self.body).not.toHaveProperty("email");
    for (const path of [`/users/${BOT}`, "/guilds/100000000000000001", "/gateway/bot"]) {
      expect((await call(discord, "GET", path, { headers })).status).toBe(401);
    }
    await post(discord, "/token/revoke", { token: String(body["access_token"]) });
    expect((await call(discord, "GET", "/users/@me", { headers })).status).toBe(401);
  });

  it("lists all users on the page, escaped, and forbids frames", async () => {
    const discord = await start();
    const name = `<script>alert("1")</script>`;
    await control(discord, "POST", `/users/${PLAYER}`, { globalName: name });
    const page = await fetch(address(discord));
    const text = await page.text();
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(text).not.toContain("<script");
    expect(text).toContain("alert(");
    expect(text).toContain('value="100000000000000302">Continue as Player 2<');
    expect(text).not.toContain(`value="${BOT}"`);
  });

  it("sends a browser that cancels back with access_denied", async () => {
    const discord = await start();
    const sentBack = await choose(address(discord), { cancel: "yes" });
    expect(sentBack).toMatchObject({ error: "access_denied", state: "s&t" });
    expect(sentBack).not.toHaveProperty("code");
  });

  it.each<[string, Record<string, string | null>]>([
    ["another application", { client_id: "1" }],
    ["no address", { redirect_uri: null }],
    ["an address with more to it", { redirect_uri: `${BACK}/more` }],
    ["another site", { redirect_uri: "http://evil.test/faceit/link" }],
  ])("does not redirect a request with %s", async (_, changes) => {
    const page = address(await start(), changes);
    for (const method of ["GET", "POST"]) {
      const body = method === "POST" ? { body: new URLSearchParams({ user_id: PLAYER }) } : {};
      const answer = await fetch(page, { method, redirect: "manual", ...body });
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
  });

  it("names unsupported parameters, and refuses an unknown user", async () => {
    const discord = await start();
    for (const [changes, error] of [
      [{ response_type: "token" }, "unsupported_response_type"],
      [{ scope: "identify email" }, "invalid_scope"],
    ] as const) {
      expect(await choose(address(discord, changes), { user_id: PLAYER })).toMatchObject({ error });
    }
    for (const userId of [BOT, "1"]) {
      const body = new URLSearchParams({ user_id: userId });
      expect((await fetch(address(discord), { method: "POST", body })).status).toBe(400);
    }
  });

  it("accepts a code once, from the application, with the redirect URI of its request", async () => {
    const discord = await start();
    const badCode = { error: "invalid_grant", error_description: 'Invalid "code" in request.' };
    const code = await codeOf(discord);
    const parallel = await Promise.all([exchange(discord, code), exchange(discord, code)]);
    expect(parallel.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await exchange(discord, code)).body).toEqual(badCode);
    expect((await exchange(discord, "invented")).body).toEqual(badCode);
    const elsewhere = await exchange(discord, await codeOf(discord), { redirect_uri: `${BACK}/` });
    expect(elsewhere.body).toMatchObject({ error: "invalid_grant" });

    const form = { grant_type: "authorization_code", redirect_uri: BACK };
    const inBody = { client_id: id, client_secret: clientSecret };
    const fresh = await codeOf(discord);
    for (const wrong of [{}, { ...inBody, client_secret: "x" }, { ...inBody, client_id: "1" }]) {
      const refused = await post(discord, "/token", { ...form, code: fresh, ...wrong }, {});
      expect(refused).toEqual({ status: 401, body: { error: "invalid_client" } });
    }
    const accepted = await post(discord, "/token", { ...form, code: fresh, ...inBody }, {});
    expect(accepted.status).toBe(200);
    expect((await exchange(discord, "x", { grant_type: "password" })).body).toEqual({
      error: "unsupported_grant_type",
    });
  });

  it("refuses a code after its lifetime", () => {
    let now = 0;
    const grants = new Grants(() => now, 60);
    const granted = { subject: PLAYER, scope: "identify", redirectUri: BACK, challenge: null };
    const code = grants.issueCode(granted);
    now = CODE_LIFETIME_MS;
    expect(grants.exchange(code, BACK, "")).toEqual({ ok: false, error: "code" });
  });
});
