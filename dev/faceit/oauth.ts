import { type Context, Hono } from "hono";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Clock } from "../../src/platform/clock.ts";
import {
  authorizePages,
  exchangeCode,
  type Grant,
  Grants,
  type OAuthRules,
} from "../doubles/oauth2.ts";
import type { World } from "./world.ts";

const TOKEN_SECONDS = 24 * 60 * 60;
const KEY_ID = "local-faceit";
const ID_TOKEN_SECONDS = 3_600;

interface OAuthPorts extends Pick<OAuthRules, "clientId" | "clientSecret" | "redirectUris"> {
  readonly world: World;
  readonly clock: Clock;
  /** Address of this FACEIT: the issuer of its tokens. */
  readonly baseUrl: string;
}

/** FACEIT's OAuth2 and OpenID Connect with PKCE (§A1), mounted at `/oauth`. */
export function createOAuthApi({ world, clock, baseUrl, ...client }: OAuthPorts): Hono {
  let keys: ReturnType<typeof generateKeyPair> | undefined;
  const signingKeys = (): ReturnType<typeof generateKeyPair> => (keys ??= generateKeyPair("RS256"));
  const idToken = async (grant: Grant): Promise<string> => {
    const now = Math.floor(clock() / 1_000);
    return new SignJWT(claims(grant, world))
      .setProtectedHeader({ alg: "RS256", kid: KEY_ID })
      .setIssuer(baseUrl)
      .setAudience(client.clientId)
      .setIssuedAt(now)
      .setExpirationTime(now + ID_TOKEN_SECONDS)
      .sign((await signingKeys()).privateKey);
  };
  const rules: OAuthRules = {
    ...client,
    service: "FACEIT",
    grants: new Grants(clock, TOKEN_SECONDS),
    secretInForm: false,
    redirectVariable: "FACEIT_REDIRECT_URI",
    redirectStatus: 303,
    pkce: true,
    page: {
      title: "Sign in",
      heading: () => "Connect your FACEIT account",
      field: "player",
      people: () => [...world.players.values()].map(({ id, nickname }) => ({ id, name: nickname })),
      find: (chosen) => world.player(chosen)?.id,
    },
    more: async (grant) => ({ id_token: await idToken(grant) }),
  };

  const api = new Hono().route("/", authorizePages(rules));
  api.post("/token", (c) => exchangeCode(c, rules));
  api.get("/userinfo", (c) => {
    const grant = rules.grants.ofBearer(c.req.header("authorization"));
    if (grant === null) return bearerError(c, "invalid_token", 401);
    const isOpenId = scopesOf(grant).has("openid");
    return isOpenId ? c.json(claims(grant, world)) : bearerError(c, "insufficient_scope", 403);
  });
  api.get("/certs", async (c) => {
    const jwk = await exportJWK((await signingKeys()).publicKey);
    return c.json({ keys: [{ ...jwk, kid: KEY_ID, alg: "RS256", use: "sig" }] });
  });
  return api;
}

/** The discovery document, `/auth/v1/openid_configuration`. */
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

function scopesOf({ scope }: Grant): ReadonlySet<string> {
  return new Set(scope.split(" "));
}

/** The claims of a player. `guid` is the player's id; most others depend on the scopes. */
function claims(grant: Grant, world: World): Record<string, unknown> {
  const { subject: playerId } = grant;
  const scope = scopesOf(grant);
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

function bearerError(c: Context, error: string, status: 401 | 403): Response {
  c.header("WWW-Authenticate", `Bearer error="${error}"`);
  return c.json({ error }, status);
}
