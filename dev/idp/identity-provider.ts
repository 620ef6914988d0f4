import { randomBytes, randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { errors, Provider, type Configuration } from "oidc-provider";
import { answerBy, isLocalOrigin, type RunningDouble, serveDouble } from "../doubles/server.ts";
import { mintDevToken } from "./dev-token.ts";
import { EMPTY_LOGIN, loginPage, logoutPage, messagePage, type LoginForm } from "./pages.ts";
import { openStore, type Account, type ProviderStore } from "./store.ts";

type Bindings = { Bindings: HttpBindings };

type IdentityProviderOptions = {
  /** 0: any free port. */
  readonly port: number;
  /** `iss` of every token; absent: the provider's own address. */
  readonly issuer?: string;
  readonly audience: string;
  /** Client id of the page. It is a public client, so only PKCE protects it. */
  readonly clientId: string;
  /** Origins of the page: a sign-in may return to them, and they may call the provider (CORS). */
  readonly webOrigins: readonly string[];
  /** Folder for keys, sessions and accounts; absent: they are kept in memory only. */
  readonly stateDir?: string;
};

/** A running provider. */
export type IdentityProvider = RunningDouble & {
  /** `iss` of every token. */
  readonly issuer: string;
};

const HOST = "127.0.0.1";
const API = "urn:guildhub:api";
const MANAGE_ROOMS = "rooms:manage";
const FORM_MAX_BYTES = 16 * 1024;
const DAY_SECONDS = 24 * 60 * 60;

/**
 * Starts an OpenID provider on the loopback address: authorization code with PKCE, refresh tokens, JWT access
 * tokens for our audience. Anyone may sign in under any name, so it serves this machine only and refuses requests
 * to internet names.
 * @throws when the port is in use
 */
export async function startIdentityProvider(
  options: IdentityProviderOptions,
): Promise<IdentityProvider> {
  const store = openStore(options.stateDir, Date.now);
  const signingKey = await store.remember("signing key", makeSigningKey);
  const cookieKeys = await store.remember("cookie keys", async () => [
    randomBytes(32).toString("base64url"),
  ]);

  let issuer = options.issuer ?? "";
  const double = await serveDouble({ port: options.port, host: HOST }, (url) => {
    issuer = options.issuer ?? url;
    const provider = new Provider(issuer, configure(options, store, signingKey, cookieKeys));
    provider.on("server_error", (_context, error) => {
      console.error(`The identity provider failed: ${error.message}`);
    });
    const standard = provider.callback();
    const signer = { issuer, audience: options.audience, key: signingKey, nowMs: Date.now };
    const app = new Hono<Bindings>()
      .post(
        "/dev/token",
        limitBody((c) => refuseToken(c, "the body is too long")),
        (c) => giveToken(c, signer),
      )
      .on(
        ["GET", "POST"],
        "/interaction/*",
        limitBody((c) => c.html(messagePage("This did not work", "The form is too long."), 413)),
        (c) => handleLogin(c, provider, store),
      )
      .all("*", async ({ env }) => {
        await standard(env.incoming, env.outgoing);
        return RESPONSE_ALREADY_SENT;
      })
      .onError((error, c) => {
        console.error(`${c.req.method} ${c.req.path}: ${String(error)}`);
        return c.json({ error: "server_error" }, 500);
      });
    return { request: answerBy(app) };
  });
  return {
    ...double,
    issuer,
    close: async () => {
      await double.close();
      store.close();
    },
  };
}

async function makeSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function configure(
  options: IdentityProviderOptions,
  store: ProviderStore,
  signingKey: JWK,
  cookieKeys: string[],
): Configuration {
  const { audience, clientId, webOrigins } = options;
  const returnTo = webOrigins.flatMap((origin) =>
    ["", "/", "/callback", "/silent"].map((path) => `${origin}${path}`),
  );
  return {
    adapter: store.adapterFor,
    jwks: { keys: [{ ...signingKey, kty: "RSA" }] },
    cookies: { keys: cookieKeys },
    clients: [
      {
        client_id: clientId,
        client_name: "GuildHub",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        redirect_uris: returnTo,
        post_logout_redirect_uris: returnTo,
      },
    ],
    clientBasedCORS: (_context, origin) => webOrigins.includes(origin),
    pkce: { required: () => true },
    scopes: ["openid", "offline_access"],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"] },
    // The page does not request userinfo, so the ID token itself carries the name.
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = logoutPage(form);
        },
        postLogoutSuccessSource: (context) => {
          context.body = messagePage("Signed out", "You can close this page.");
        },
      },
      // Without a `resource` parameter a client gets JWT access tokens for the Worker's audience.
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => {
          if (resource !== API) throw new errors.InvalidTarget();
          return {
            scope: MANAGE_ROOMS,
            audience,
            accessTokenFormat: "jwt",
            accessTokenTTL: 60 * 60,
            jwt: { sign: { alg: "RS256" } },
          };
        },
      },
    },
    // The user's rights come from the sign-in form, whatever scope the client requested.
    formats: {
      customizers: {
        jwt: (_context, token, parts) => {
          const account = "accountId" in token ? store.findAccount(token.accountId) : undefined;
          if (account === undefined) return;
          const { payload } = parts;
          delete payload["scope"];
          if (account.managesRooms) payload["scope"] = MANAGE_ROOMS;
          if (account.discordId !== undefined) payload["discord_id"] = account.discordId;
          if (account.guilds !== undefined) payload["guilds"] = account.guilds;
        },
      },
    },
    findAccount: (_context, sub) =>
      store.findAccount(sub) && {
        accountId: sub,
        claims: () => ({ sub, name: sub, preferred_username: sub }),
      },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    // The only client is our own page, so a sign-in counts as consent.
    loadExistingGrant: async (context) => {
      const { provider, session, client } = context.oidc;
      if (session?.accountId === undefined || client === undefined) return undefined;
      const known = session.grantIdFor(client.clientId);
      const grant =
        (known === undefined ? undefined : await provider.Grant.find(known)) ??
        new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
      grant.addOIDCScope("openid profile offline_access");
      grant.addResourceScope(API, MANAGE_ROOMS);
      await grant.save();
      return grant;
    },
    issueRefreshToken: (_context, client) => client.grantTypeAllowed("refresh_token"),
    renderError: (context, out) => {
      context.type = "html";
      context.body = messagePage("This did not work", out.error_description ?? out.error);
    },
    ttl: {
      AccessToken: 60 * 60,
      AuthorizationCode: 60,
      IdToken: 60 * 60,
      Interaction: 60 * 60,
      RefreshToken: 14 * DAY_SECONDS,
      Session: 14 * DAY_SECONDS,
      Grant: 14 * DAY_SECONDS,
    },
  };
}

/** Pages contain form values and answers contain tokens, so no cache may store them. */
const NO_STORE = { "cache-control": "no-store" };

const limitBody = (onError: (c: Context) => Response | Promise<Response>): MiddlewareHandler =>
  bodyLimit({ maxSize: FORM_MAX_BYTES, onError });

/** `POST /dev/token`, for callers without an origin and for pages of this machine. */
async function giveToken(
  c: Context<Bindings>,
  signer: Parameters<typeof mintDevToken>[0],
): Promise<Response> {
  const origin = c.req.header("origin");
  if (origin !== undefined && !isLocalOrigin(origin)) {
    return c.json({ error: "access_denied" }, 403, NO_STORE);
  }
  const minted = await mintDevToken(signer, await c.req.json().catch(() => undefined));
  return minted.ok
    ? c.json({ access_token: minted.value }, 200, NO_STORE)
    : refuseToken(c, minted.error);
}

function refuseToken(c: Context, problem: string): Response {
  return c.json({ error: "invalid_request", error_description: problem }, 400, NO_STORE);
}

/** Shows the sign-in form, and handles its submission. */
async function handleLogin(
  c: Context<Bindings>,
  provider: Provider,
  store: ProviderStore,
): Promise<Response> {
  const { incoming, outgoing } = c.env;
  const interaction = await provider.interactionDetails(incoming, outgoing).catch(() => undefined);
  if (interaction === undefined) return sayExpired(c);
  const action = `/interaction/${interaction.uid}`;
  if (c.req.method !== "POST") {
    return c.html(loginPage(action, EMPTY_LOGIN, undefined), 200, NO_STORE);
  }
  const form = readLoginForm(await c.req.text());
  const account = accountOf(form);
  if (account === undefined) {
    const page = loginPage(action, form, "Type a name of up to 64 characters.");
    return c.html(page, 400, NO_STORE);
  }
  store.saveAccount(account);
  const result = { login: { accountId: account.sub, remember: true } };
  await provider.interactionFinished(incoming, outgoing, result, {
    mergeWithLastSubmission: false,
  });
  return RESPONSE_ALREADY_SENT;
}

function sayExpired(c: Context): Response {
  const page = messagePage("This sign-in has expired", "Go back to GuildHub and sign in again.");
  return c.html(page, 400, NO_STORE);
}

function readLoginForm(body: string): LoginForm {
  const fields = new URLSearchParams(body);
  const field = (name: string): string => fields.get(name)?.trim() ?? "";
  return {
    name: field("name"),
    discordId: field("discord_id"),
    guilds: field("guilds"),
    managesRooms: field("manages_rooms") === "yes",
  };
}

function accountOf(form: LoginForm): Account | undefined {
  if (form.name === "" || form.name.length > 64) return undefined;
  const guilds = form.guilds.split(/[\s,]+/).filter((id) => id !== "");
  return {
    sub: form.name,
    discordId: form.discordId === "" ? undefined : form.discordId,
    guilds: guilds.length === 0 ? undefined : guilds,
    managesRooms: form.managesRooms,
  };
}
