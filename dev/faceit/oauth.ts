import { type Context, Hono } from "hono";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../src/platform/clock.ts";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { choicePage, refusalPage } from "../doubles/card-page.ts";
import type { World } from "./world.ts";

const CODE_LIFETIME_MS = 60_000;
const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** What a person agreed to. */
interface Grant {
  readonly playerId: string;
  readonly scope: ReadonlySet<string>;
}

interface CodeRecord extends Grant {
  readonly redirectUri: string;
  /** PKCE, RFC 7636: base64url(SHA-256(verifier)). */
  readonly challenge: string;
  readonly expiresAt: number;
}

/** Authorization codes and access tokens, in memory: nobody needs them for longer than a minute. */
class Grants {
  readonly #clock: Clock;
  readonly #codes = new Map<string, CodeRecord>();
  readonly #tokens = new Map<string, Grant & { readonly expiresAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns a code for one exchange within a minute */
  authorize(grant: Grant & { readonly redirectUri: string; readonly challenge: string }): string {
    const code = randomBytes(32).toString("base64url");
    this.#codes.set(code, { ...grant, expiresAt: this.#clock() + CODE_LIFETIME_MS });
    return code;
  }

  /** Uses a code up, whether it fits or not. @returns null: it is no good, for whatever reason */
  exchange(code: string, verifier: string, redirectUri: string): Grant | null {
    const record = this.#codes.get(code);
    this.#codes.delete(code);
    if (record === undefined || record.expiresAt <= this.#clock()) return null;
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (challenge !== record.challenge || redirectUri !== record.redirectUri) return null;
    return { playerId: record.playerId, scope: record.scope };
  }

  /** An access token, good for `expiresIn` seconds. */
  issue({ playerId, scope }: Grant): { readonly token: string; readonly expiresIn: number } {
    const token = randomBytes(32).toString("base64url");
    this.#tokens.set(token, { playerId, scope, expiresAt: this.#clock() + TOKEN_LIFETIME_MS });
    return { token, expiresIn: TOKEN_LIFETIME_MS / 1_000 };
  }

  /** Null: nobody was given this token, or it is too old. */
  ofToken(token: string): Grant | null {
    const grant = this.#tokens.get(token);
    return grant === undefined || grant.expiresAt <= this.#clock() ? null : grant;
  }
}

const KEY_ID = "local-faceit";
const ID_TOKEN_SECONDS = 3_600;

/** RFC 7636 §4.1 and §4.2. */
const PKCE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;
const PKCE_CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

interface OAuthPorts {
  readonly world: World;
  readonly clock: Clock;
  /** Where this FACEIT is. */
  readonly baseUrl: string;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret: string | undefined;
  /** Each of them exactly. */
  readonly redirectUris: readonly string[];
}

/** What a person is asked to agree to. */
interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly scope: ReadonlySet<string>;
  readonly challenge: string;
}

/** A request that is refused: in words when nobody can be sent back, else by an OAuth error. */
type Refusal =
  | { readonly kind: "page"; readonly problem: string }
  | { readonly kind: "redirect"; readonly to: string };

/** OAuth2 and OpenID Connect with PKCE as FACEIT has it (§A1), mounted at `/oauth`. */
export function createOAuthApi(ports: OAuthPorts): Hono {
  const { world, clock, clientId } = ports;
  const grants = new Grants(clock);
  let keys: ReturnType<typeof generateKeyPair> | undefined;
  const signingKeys = (): ReturnType<typeof generateKeyPair> => (keys ??= generateKeyPair("RS256"));
  const api = new Hono();

  api.get("/authorize", (c) => {
    const asked = readAuthorization(c, ports);
    if (!asked.ok) return refuse(c, asked.error);
    const { search } = new URL(c.req.url);
    const page = choicePage({
      title: "Sign in",
      heading: "Connect your FACEIT account",
      whose: "FACEIT",
      field: "player",
      choices: [...world.players.values()].map(({ id, nickname }) => ({ id, name: nickname })),
      action: `/oauth/authorize${search}`,
    });
    return c.html(page);
  });

  api.post("/authorize", async (c) => {
    const asked = readAuthorization(c, ports);
    if (!asked.ok) return refuse(c, asked.error);
    const { redirectUri, state, scope, challenge } = asked.value;
    const form = await c.req.parseBody();
    if (form["cancel"] !== undefined) {
      return c.redirect(errorRedirect(redirectUri, "access_denied", state), 303);
    }
    const player = typeof form["player"] === "string" ? world.player(form["player"]) : undefined;
    if (player === undefined) {
      return refuse(c, { kind: "page", problem: "There is no such account." });
    }
    const code = grants.authorize({ playerId: player.id, scope, redirectUri, challenge });
    return c.redirect(withParameters(redirectUri, { code, state }), 303);
  });

  api.post("/token", async (c) => {
    c.header("Cache-Control", "no-store");
    if (c.req.header("content-type")?.startsWith("application/x-www-form-urlencoded") !== true) {
      return tokenError(c, "invalid_request", "the body is a form");
    }
    const form = new URLSearchParams(await c.req.text());
    if (!isClient(c, form, ports)) {
      c.header("WWW-Authenticate", 'Basic realm="local FACEIT"');
      return c.json({ error: "invalid_client" }, 401);
    }
    if (form.get("grant_type") !== "authorization_code") {
      return tokenError(c, "unsupported_grant_type", "only authorization_code is modelled");
    }
    const verifier = form.get("code_verifier") ?? "";
    if (!PKCE_VERIFIER.test(verifier)) {
      return tokenError(c, "invalid_request", "code_verifier is missing or malformed");
    }
    const redirectUri = form.get("redirect_uri") ?? "";
    const grant = grants.exchange(form.get("code") ?? "", verifier, redirectUri);
    if (grant === null) return tokenError(c, "invalid_grant", "the code is no good for this");
    const { token, expiresIn } = grants.issue(grant);
    const now = Math.floor(clock() / 1_000);
    const idToken = await new SignJWT(claims(grant, world))
      .setProtectedHeader({ alg: "RS256", kid: KEY_ID })
      .setIssuer(ports.baseUrl)
      .setAudience(clientId)
      .setIssuedAt(now)
      .setExpirationTime(now + ID_TOKEN_SECONDS)
      .sign((await signingKeys()).privateKey);
    return c.json({
      access_token: token,
      // Not accepted anywhere: refreshing is not modelled.
      refresh_token: `not-modelled-${token.slice(0, 8)}`,
      id_token: idToken,
      expires_in: expiresIn,
      token_type: "Bearer",
    });
  });

  api.get("/userinfo", (c) => {
    const [, token = ""] = /^Bearer (\S+)$/.exec(c.req.header("authorization") ?? "") ?? [];
    const grant = grants.ofToken(token);
    if (grant === null) return bearerError(c, "invalid_token", 401);
    if (!grant.scope.has("openid")) return bearerError(c, "insufficient_scope", 403);
    return c.json(claims(grant, world));
  });

  api.get("/certs", async (c) => {
    const jwk = await exportJWK((await signingKeys()).publicKey);
    return c.json({ keys: [{ ...jwk, kid: KEY_ID, alg: "RS256", use: "sig" }] });
  });
  return api;
}

/** Where everything is: `/auth/v1/openid_configuration`. */
export function openIdConfiguration(baseUrl: string): Readonly<Record<string, unknown>> {
  return {
    issuer: baseUrl,
    authorization_endpoint: `${baseUrl}/oauth/authorize`,
    token_endpoint: `${baseUrl}/oauth/token`,
    userinfo_endpoint: `${baseUrl}/oauth/userinfo`,
    jwks_uri: `${baseUrl}/oauth/certs`,
    scopes_supported: ["openid", "email", "profile", "membership"],
    response_types_supported: ["code"],
    grant_types_supported: ["authorization_code"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
    id_token_signing_alg_values_supported: ["RS256"],
    subject_types_supported: ["public"],
  };
}

function readAuthorization(
  c: Context,
  { clientId, redirectUris }: OAuthPorts,
): Result<AuthorizationRequest, Refusal> {
  const {
    client_id: client,
    redirect_uri: redirectUri = "",
    response_type: responseType,
    code_challenge: challenge = "",
    code_challenge_method: method,
    scope = "",
    state,
  } = c.req.query();
  // RFC 6749 §4.1.2.1: whoever is not known is not sent anywhere.
  if (client !== clientId) return err({ kind: "page", problem: "The client is not known." });
  if (!redirectUris.includes(redirectUri)) {
    return err({ kind: "page", problem: "This redirect_uri is not registered for the client." });
  }
  const back = (error: string): Result<never, Refusal> =>
    err({ kind: "redirect", to: errorRedirect(redirectUri, error, state) });
  if (responseType !== "code") return back("unsupported_response_type");
  if (method !== "S256" || !PKCE_CHALLENGE.test(challenge)) return back("invalid_request");
  const scopes = new Set(scope.split(" ").filter((one) => one !== ""));
  return ok({ redirectUri, state, scope: scopes, challenge });
}

function refuse(c: Context, refusal: Refusal): Response {
  if (refusal.kind === "redirect") return c.redirect(refusal.to, 303);
  return c.html(refusalPage("FACEIT", refusal.problem), 400);
}

function errorRedirect(redirectUri: string, error: string, state: string | undefined): string {
  return withParameters(redirectUri, { error, state });
}

function withParameters(
  url: string,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const target = new URL(url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) target.searchParams.set(name, value);
  }
  return target.href;
}

/** The documented form is HTTP Basic; a client without a secret names itself in the form. */
function isClient(
  c: Context,
  form: URLSearchParams,
  { clientId, clientSecret }: OAuthPorts,
): boolean {
  const header = c.req.header("authorization");
  if (clientSecret === undefined) {
    return header === undefined && form.get("client_id") === clientId;
  }
  const [, encoded = ""] = /^Basic (\S+)$/.exec(header ?? "") ?? [];
  const given = Buffer.from(encoded, "base64");
  const right = Buffer.from(`${clientId}:${clientSecret}`);
  return given.length === right.length && timingSafeEqual(given, right);
}

/** `guid` is the player's id; which other claims there are depends on the scopes. */
function claims({ playerId, scope }: Grant, world: World): Record<string, unknown> {
  const player = world.players.get(playerId);
  return {
    guid: playerId,
    sub: playerId,
    ...(scope.has("profile") && {
      nickname: player?.nickname ?? "",
      picture: "",
      locale: "en",
      steam_id: player?.gamePlayerId ?? "",
    }),
    ...(scope.has("membership") && { memberships: [player?.membership ?? "free"] }),
    ...(scope.has("email") && { email: `${playerId}@players.example`, email_verified: true }),
  };
}

function tokenError(c: Context, error: string, description: string): Response {
  return c.json({ error, error_description: description }, 400);
}

function bearerError(c: Context, error: string, status: 401 | 403): Response {
  c.header("WWW-Authenticate", `Bearer error="${error}"`);
  return c.json({ error }, status);
}
