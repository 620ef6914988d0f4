import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";
import { initialWorld, PRIMARY_GUILD } from "../discord/seed.ts";
import { startIdentityProvider, type IdentityProvider } from "./identity-provider.ts";

const ORIGIN = "http://127.0.0.1:18787";
const OPTIONS = {
  port: 0,
  audience: "guildhub",
  clientId: "guildhub-console",
  webOrigins: [ORIGIN, "http://localhost:18787"],
};

let idp: IdentityProvider;
beforeAll(async () => {
  idp = await startIdentityProvider(OPTIONS);
});
afterAll(() => idp.close());

/** A simple browser: follows redirects and keeps cookies. */
class Browser {
  readonly #cookies = new Map<string, string>();

  async open(url: string, form?: Record<string, string>): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name === undefined) continue;
      if (value === undefined || value === "") this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  /**
   * Follows redirects inside the provider. Returns the first other response, or the URL of a redirect to another
   * site.
   */
  async follow(url: string, form?: Record<string, string>): Promise<Response | URL> {
    let response = await this.open(url, form);
    let at = url;
    for (let hops = 0; hops < 10; hops++) {
      const location = response.headers.get("location");
      if (location === null) return response;
      const next = new URL(location, at);
      if (next.origin !== new URL(url).origin) return next;
      at = next.href;
      response = await this.open(at);
    }
    throw new Error("too many redirects");
  }
}

const verifier = randomBytes(32).toString("base64url");
const challenge = createHash("sha256").update(verifier).digest("base64url");

function authorizeUrl(issuer: string, overrides: Record<string, string | undefined> = {}): string {
  const url = new URL("/auth", issuer);
  const parameters = {
    client_id: "guildhub-console",
    response_type: "code",
    redirect_uri: `${ORIGIN}/`,
    scope: "openid profile",
    state: "s1",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...overrides,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

async function signIn(
  issuer: string,
  browser: Browser,
  form: Record<string, string>,
  overrides: Record<string, string | undefined> = {},
): Promise<URL> {
  const page = await browser.follow(authorizeUrl(issuer, overrides));
  if (page instanceof URL) return page;
  const html = await page.text();
  const action = /action="([^"]+)"/.exec(html)?.[1];
  if (action === undefined) throw new Error(`no form in: ${html}`);
  const landed = await browser.follow(new URL(action, issuer).href, form);
  if (landed instanceof URL) return landed;
  throw new Error(`not signed in: ${await landed.text()}`);
}

async function tokenRequest(
  issuer: string,
  fields: Record<string, string>,
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(new URL("/token", issuer), {
    method: "POST",
    headers: { origin: ORIGIN },
    body: new URLSearchParams({ client_id: "guildhub-console", ...fields }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const redeem = (issuer: string, landed: URL, code_verifier = verifier) =>
  tokenRequest(issuer, {
    grant_type: "authorization_code",
    code: landed.searchParams.get("code") ?? "",
    redirect_uri: `${ORIGIN}/`,
    code_verifier,
  });

const verify = (issuer: string, token: string) =>
  jwtVerify(token, createRemoteJWKSet(new URL("/jwks", issuer)), {
    issuer,
    audience: "guildhub",
    typ: "at+jwt",
  });

async function devToken(body: unknown): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(new URL("/dev/token", idp.issuer), {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

describe("sign-in with PKCE", () => {
  it("gives a plain client a JWT access token for the Worker", async () => {
    const landed = await signIn(idp.issuer, new Browser(), { name: "alice" });
    expect(landed.href).toContain(`${ORIGIN}/?code=`);
    expect(landed.searchParams.get("state")).toBe("s1");
    const { status, body } = await redeem(idp.issuer, landed);
    expect(status).toBe(200);
    const { payload } = await verify(idp.issuer, body["access_token"] ?? "");
    expect(payload.sub).toBe("alice");
    expect(payload["scope"]).toBeUndefined();
    expect(payload["guilds"]).toBeUndefined();
    expect(decodeJwt(body["id_token"] ?? "")).toMatchObject({ sub: "alice", name: "alice" });
  });

  it("puts the form's values into the token, whatever scope was requested", async () => {
    const form = { name: "mod", discord_id: "42", guilds: "1, 2", manages_rooms: "yes" };
    const { body } = await redeem(idp.issuer, await signIn(idp.issuer, new Browser(), form));
    const { payload } = await verify(idp.issuer, body["access_token"] ?? "");
    expect(payload).toMatchObject({ discord_id: "42", guilds: ["1", "2"], scope: "rooms:manage" });

    const requested = { scope: "openid rooms:manage offline_access" };
    const landed = await signIn(idp.issuer, new Browser(), { name: "player" }, requested);
    const player = await redeem(idp.issuer, landed);
    expect(decodeJwt(player.body["access_token"] ?? "")["scope"]).toBeUndefined();
  });

  it("remembers the browser, and shows the form again for prompt=login", async () => {
    const browser = new Browser();
    await signIn(idp.issuer, browser, { name: "bob" });
    expect(await browser.follow(authorizeUrl(idp.issuer))).toBeInstanceOf(URL);
    expect(await browser.follow(authorizeUrl(idp.issuer, { prompt: "login" }))).toBeInstanceOf(
      Response,
    );
  });

  it("renews with a refresh token that works once", async () => {
    const { body } = await redeem(
      idp.issuer,
      await signIn(idp.issuer, new Browser(), { name: "eve" }),
    );
    const refresh_token = body["refresh_token"] ?? "";
    const renewed = await tokenRequest(idp.issuer, { grant_type: "refresh_token", refresh_token });
    expect(renewed.status).toBe(200);
    const { payload } = await verify(idp.issuer, renewed.body["access_token"] ?? "");
    expect(payload.sub).toBe("eve");
    expect(renewed.body["refresh_token"]).not.toBe(refresh_token);
    const again = await tokenRequest(idp.issuer, { grant_type: "refresh_token", refresh_token });
    expect(again.body["error"]).toBe("invalid_grant");
  });

  it("refuses a request without PKCE, a plain challenge and a wrong verifier", async () => {
    const without = await new Browser().follow(
      authorizeUrl(idp.issuer, { code_challenge: undefined, code_challenge_method: undefined }),
    );
    expect(without instanceof URL && without.searchParams.get("error")).toBe("invalid_request");
    const plain = await new Browser().follow(
      authorizeUrl(idp.issuer, { code_challenge_method: "plain" }),
    );
    expect(plain instanceof URL && plain.searchParams.get("error")).toBe("invalid_request");
    const landed = await signIn(idp.issuer, new Browser(), { name: "mallory" });
    const wrong = await redeem(idp.issuer, landed, randomBytes(32).toString("base64url"));
    expect(wrong.status).toBe(400);
    expect(wrong.body["error"]).toBe("invalid_grant");
  });

  it("refuses a redirect_uri that is not the page's", async () => {
    const elsewhere = authorizeUrl(idp.issuer, { redirect_uri: "https://evil.test/" });
    const answer = await new Browser().follow(elsewhere);
    expect(answer instanceof Response && answer.status).toBe(400);
  });

  it("shows the form again for a name that is empty or too long, and escapes its values", async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizeUrl(idp.issuer));
    const html = page instanceof URL ? "" : await page.text();
    // With this link the browser does not request /favicon.ico, which the provider does not have.
    expect(html).toContain('<link rel="icon" href="data:,">');
    const action = new URL(/action="([^"]+)"/.exec(html)?.[1] ?? "", idp.issuer).href;
    for (const name of ["", "   ", "x".repeat(65)]) {
      const answer = await browser.open(action, { name });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('role="alert"');
    }
    const answer = await browser.open(action, { name: " ", discord_id: '"><script>' });
    expect(await answer.text()).not.toContain('"><script>');
  });

  it("offers a Discord account of the local Discord, so that a private room can be opened", async () => {
    const page = await new Browser().follow(authorizeUrl(idp.issuer));
    const html = page instanceof URL ? "" : await page.text();
    const [, offered = ""] = /name="discord_id" value="(\d+)"/.exec(html) ?? [];
    const { users } = initialWorld(PRIMARY_GUILD, 0);
    expect(users.find(({ id }) => id === offered)?.globalName).toBe("Player 1");
  });

  it("tells the user what to do when a sign-in page has expired", async () => {
    const answer = await new Browser().open(new URL("/interaction/gone", idp.issuer).href);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("sign in again");
  });

  it("allows CORS for the page's origins only", async () => {
    const ask = async (origin: string) =>
      (
        await fetch(new URL("/token", idp.issuer), {
          method: "POST",
          headers: { origin },
          body: new URLSearchParams({ client_id: "guildhub-console", grant_type: "x" }),
        })
      ).headers.get("access-control-allow-origin");
    expect(await ask(ORIGIN)).toBe(ORIGIN);
    expect(await ask("https://evil.test")).toBeNull();
  });

  it("publishes the discovery document, and only public keys", async () => {
    const discovery = (await (
      await fetch(new URL("/.well-known/openid-configuration", idp.issuer))
    ).json()) as Record<string, unknown>;
    expect(discovery).toMatchObject({ issuer: idp.issuer, jwks_uri: `${idp.issuer}/jwks` });
    const jwks = await (await fetch(new URL("/jwks", idp.issuer))).text();
    expect(jwks).not.toMatch(/"(d|p|q|dp|dq|qi)":/);
  });
});

describe("POST /dev/token", () => {
  it("signs with the provider's key", async () => {
    const { body } = await devToken({
      sub: "carol",
      guilds: ["7"],
      scope: "rooms:manage",
      discord_id: "9",
      expiresIn: 60,
    });
    const { payload } = await verify(idp.issuer, body["access_token"] ?? "");
    expect(payload).toMatchObject({
      sub: "carol",
      guilds: ["7"],
      scope: "rooms:manage",
      discord_id: "9",
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
  });

  it("overrides and removes claims and header fields", async () => {
    const { body } = await devToken({
      sub: "carol",
      claims: { iss: "https://other.test", aud: ["a", "b"], exp: null, nbf: 1, sub: null },
      header: { typ: "dpop+jwt", kid: "unknown", jku: "https://evil.test/jwks" },
    });
    const token = body["access_token"] ?? "";
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: "https://other.test", aud: ["a", "b"], nbf: 1 });
    expect(claims).not.toHaveProperty("exp");
    expect(claims).not.toHaveProperty("sub");
    expect(decodeProtectedHeader(token)).toEqual({
      alg: "RS256",
      typ: "dpop+jwt",
      kid: "unknown",
      jku: "https://evil.test/jwks",
    });
    const plain = await devToken({ sub: "carol", header: { typ: null, kid: null } });
    expect(decodeProtectedHeader(plain.body["access_token"] ?? "")).toEqual({ alg: "RS256" });
  });

  it("creates expired tokens", async () => {
    const { body } = await devToken({ sub: "carol", expiresIn: -60 });
    await expect(verify(idp.issuer, body["access_token"] ?? "")).rejects.toThrow(/exp/);
  });

  it.each([
    ["no sub", {}, "sub"],
    ["guilds of a wrong type", { sub: "a", guilds: "7" }, "guilds"],
    ["an unknown member", { sub: "a", expires: 5 }, "expires"],
    ["no JSON", "{", "body"],
    ["another algorithm", { sub: "a", header: { alg: "HS256" } }, "alg"],
    ["an unknown critical extension", { sub: "a", header: { crit: ["x"], x: 1 } }, "x"],
    ["a body that is too long", { sub: "a", scope: "x".repeat(17_000) }, "body"],
  ])("refuses %s and names the problem", async (_case, request, named) => {
    const { status, body } = await devToken(request);
    expect(status).toBe(400);
    expect(body["error_description"]).toContain(named);
  });
});

describe("a restart", () => {
  const folders: string[] = [];
  afterEach(async () => {
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
    folders.length = 0;
  });

  it("keeps keys, sessions and accounts", async () => {
    const stateDir = await mkdtemp(path.join(tmpdir(), "idp-"));
    folders.push(stateDir);
    const before = await startIdentityProvider({ ...OPTIONS, stateDir });
    const port = Number(new URL(before.issuer).port);
    const browser = new Browser();
    const landed = await signIn(before.issuer, browser, { name: "dora", discord_id: "5" });
    const { body } = await redeem(before.issuer, landed);
    await before.close();

    const after = await startIdentityProvider({ ...OPTIONS, stateDir, port });
    try {
      // The connection pool of this process first has to notice that its old connections are closed.
      await vi.waitFor(() => fetch(new URL("/jwks", after.issuer)), SOON);
      await verify(after.issuer, body["access_token"] ?? "");
      const renewed = await tokenRequest(after.issuer, {
        grant_type: "refresh_token",
        refresh_token: body["refresh_token"] ?? "",
      });
      expect(decodeJwt(renewed.body["access_token"] ?? "")).toMatchObject({
        sub: "dora",
        discord_id: "5",
      });
      expect(await browser.follow(authorizeUrl(after.issuer))).toBeInstanceOf(URL);
    } finally {
      await after.close();
    }
  });
});
