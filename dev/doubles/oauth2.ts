import { type Context, Hono } from "hono";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../src/platform/clock.ts";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { choicePage, refusalPage } from "./card-page.ts";

/** Lifetime of an authorization code, milliseconds. */
export const CODE_LIFETIME_MS = 60_000;

const FORM_TYPE = "application/x-www-form-urlencoded";

/** RFC 7636 §4.1 and §4.2. */
const PKCE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;
const PKCE_CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const PAGE_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** What a user has allowed the client. */
export interface Grant {
  /** The user's id. */
  readonly subject: string;
  /** The requested scopes, separated by spaces. */
  readonly scope: string;
}

interface Code extends Grant {
  readonly redirectUri: string;
  /** PKCE: base64url(SHA-256(verifier)); null: without PKCE. */
  readonly challenge: string | null;
}

interface Token extends Grant {
  readonly refreshToken: string;
}

type Kept<T> = T & { readonly expiresAt: number };

/** Authorization codes and access tokens. They are lost with a restart. */
export class Grants {
  /** Lifetime of an access token, seconds. */
  readonly tokenSeconds: number;
  readonly #clock: Clock;
  readonly #codes = new Map<string, Kept<Code>>();
  readonly #tokens = new Map<string, Kept<Token>>();

  constructor(clock: Clock, tokenSeconds: number) {
    this.#clock = clock;
    this.tokenSeconds = tokenSeconds;
  }

  /** @returns a code for one exchange within {@link CODE_LIFETIME_MS} */
  issueCode(code: Code): string {
    return this.#keep(this.#codes, code, CODE_LIFETIME_MS);
  }

  /**
   * Exchanges a code and invalidates it, also when the exchange fails. Fails with the name of the wrong parameter.
   */
  exchange(
    code: string,
    redirectUri: string,
    verifier: string,
  ): Result<
    { readonly grant: Grant; readonly accessToken: string; readonly refreshToken: string },
    "code" | "redirect_uri" | "code_verifier"
  > {
    const found = this.#find(this.#codes, code);
    this.#codes.delete(code);
    if (found === undefined) return err("code");
    if (found.redirectUri !== redirectUri) return err("redirect_uri");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (found.challenge !== null && found.challenge !== challenge) return err("code_verifier");
    const grant = { subject: found.subject, scope: found.scope };
    const refreshToken = newSecret();
    const token = { ...grant, refreshToken };
    const accessToken = this.#keep(this.#tokens, token, this.tokenSeconds * 1_000);
    return ok({ grant, accessToken, refreshToken });
  }

  /** The grant of the access token in an `Authorization` header, or null. */
  ofBearer(authorization: string | undefined): Grant | null {
    const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1] ?? "";
    return this.#find(this.#tokens, token) ?? null;
  }

  /** Revokes an access or refresh token, with its pair. An unknown token is no error (RFC 7009 §2.2). */
  revoke(token: string): void {
    for (const [accessToken, { refreshToken }] of this.#tokens) {
      if (token === accessToken || token === refreshToken) this.#tokens.delete(accessToken);
    }
  }

  #keep<T>(entries: Map<string, Kept<T>>, entry: T, lifetimeMs: number): string {
    const key = newSecret();
    entries.set(key, { ...entry, expiresAt: this.#clock() + lifetimeMs });
    return key;
  }

  #find<T>(entries: Map<string, Kept<T>>, key: string): T | undefined {
    const now = this.#clock();
    for (const [old, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(old);
    return entries.get(key);
  }
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** The only client of an authorization server, and the rules that differ between the services. */
export interface OAuthRules {
  readonly service: "Discord" | "FACEIT";
  readonly grants: Grants;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret: string | undefined;
  /** Whether the secret may also be sent in the form instead of HTTP Basic (RFC 6749 §2.3.1). */
  readonly secretInForm: boolean;
  /** The addresses that a browser may be sent back to, compared exactly. */
  readonly redirectUris: readonly string[];
  /** Name of the environment variable with these addresses, for error messages. */
  readonly redirectVariable: string;
  readonly redirectStatus: 302 | 303;
  /** Whether PKCE with S256 is required (RFC 7636). */
  readonly pkce: boolean;
  /** The only scope that is accepted; absent: any. */
  readonly onlyScope?: string;
  /** The page where the user chooses an account. */
  readonly page: {
    readonly title: string;
    readonly heading: () => string;
    /** Name of the form field with the chosen account. */
    readonly field: string;
    readonly people: () => readonly { readonly id: string; readonly name: string }[];
    /** The id of the account that the field's value names. */
    readonly find: (chosen: string) => string | undefined;
  };
  /** The members of a token response besides the tokens. */
  readonly more: (grant: Grant) => Promise<object> | object;
}

interface AuthorizationRequest extends Omit<Code, "subject"> {
  readonly state: string | undefined;
}

/**
 * `/authorize`: where the user chooses an account. The real services know the user by a login. Here the page is a
 * form without a password, posted to the same address.
 */
export function authorizePages(rules: OAuthRules): Hono {
  const { service, grants, page, redirectStatus } = rules;
  const pages = new Hono();
  const refuse = (c: Context, problem: string): Response =>
    c.html(refusalPage(service, problem), 400);
  const sendBack = (
    c: Context,
    { redirectUri, state }: AuthorizationRequest,
    answer: Readonly<Record<string, string>>,
  ): Response => {
    const target = new URL(redirectUri);
    for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value);
    if (state !== undefined) target.searchParams.set("state", state);
    return c.redirect(target.href, redirectStatus);
  };
  /** The valid request, or the response that refuses it. */
  const readRequest = (c: Context): AuthorizationRequest | Response => {
    const query = c.req.query();
    const { redirect_uri: redirectUri = "", code_challenge: challenge = "", scope = "" } = query;
    // RFC 6749 §4.1.2.1: a browser is never sent to an address that the client has not registered.
    if (query["client_id"] !== rules.clientId) {
      return refuse(c, `This client_id is not the one of the local ${service}.`);
    }
    if (!rules.redirectUris.includes(redirectUri)) {
      return refuse(c, `This redirect_uri is not in ${rules.redirectVariable}.`);
    }
    const request = {
      redirectUri,
      scope,
      state: query["state"],
      challenge: rules.pkce ? challenge : null,
    };
    if (query["response_type"] !== "code") {
      return sendBack(c, request, { error: "unsupported_response_type" });
    }
    if (rules.onlyScope !== undefined && scope !== rules.onlyScope) {
      return sendBack(c, request, { error: "invalid_scope" });
    }
    const isBound = query["code_challenge_method"] === "S256" && PKCE_CHALLENGE.test(challenge);
    return rules.pkce && !isBound ? sendBack(c, request, { error: "invalid_request" }) : request;
  };

  pages.use("/authorize", async (c, next) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value);
    return next();
  });
  pages.get("/authorize", (c) => {
    const request = readRequest(c);
    if (request instanceof Response) return request;
    const { pathname, search } = new URL(c.req.url);
    return c.html(choicePage({ ...page, service, action: pathname + search }));
  });
  pages.post("/authorize", async (c) => {
    const request = readRequest(c);
    if (request instanceof Response) return request;
    const form = new URLSearchParams(await c.req.text());
    if (form.has("cancel")) {
      const description = "The resource owner or authorization server denied the request";
      return sendBack(c, request, { error: "access_denied", error_description: description });
    }
    const subject = page.find(form.get(page.field) ?? "");
    if (subject === undefined) return refuse(c, `There is no such person in this ${service}.`);
    return sendBack(c, request, { code: grants.issueCode({ ...request, subject }) });
  });
  return pages;
}

/** `POST /token`: exchanges an authorization code for an access token. */
export function exchangeCode(c: Context, rules: OAuthRules): Promise<Response> {
  return asClient(c, rules, async (form) => {
    if (form.get("grant_type") !== "authorization_code") {
      return refuseClient(c, 400, "unsupported_grant_type");
    }
    const code = form.get("code");
    if (code === null) return refuseClient(c, 400, "invalid_request", 'Missing "code" in request.');
    const verifier = form.get("code_verifier") ?? "";
    if (rules.pkce && !PKCE_VERIFIER.test(verifier)) {
      const problem = '"code_verifier" is missing or malformed.';
      return refuseClient(c, 400, "invalid_request", problem);
    }
    const exchanged = rules.grants.exchange(code, form.get("redirect_uri") ?? "", verifier);
    if (!exchanged.ok) {
      return refuseClient(c, 400, "invalid_grant", `Invalid "${exchanged.error}" in request.`);
    }
    const { grant, accessToken, refreshToken } = exchanged.value;
    return c.json({
      token_type: "Bearer",
      access_token: accessToken,
      expires_in: rules.grants.tokenSeconds,
      // It can only be revoked: refreshing is not modelled.
      refresh_token: refreshToken,
      ...(await rules.more(grant)),
    });
  });
}

/** `POST /token/revoke` */
export function revokeToken(c: Context, rules: OAuthRules): Promise<Response> {
  return asClient(c, rules, (form) => {
    const token = form.get("token");
    if (token === null) {
      return refuseClient(c, 400, "invalid_request", 'Missing "token" in request.');
    }
    rules.grants.revoke(token);
    return c.json({});
  });
}

async function asClient(
  c: Context,
  rules: OAuthRules,
  work: (form: URLSearchParams) => Response | Promise<Response>,
): Promise<Response> {
  c.header("Cache-Control", "no-store");
  if (c.req.header("content-type")?.split(";")[0]?.trim() !== FORM_TYPE) {
    return refuseClient(c, 400, "invalid_request", "The body must be a form.");
  }
  const form = new URLSearchParams(await c.req.text());
  if (isClient(c.req.header("authorization"), form, rules)) return work(form);
  c.header("WWW-Authenticate", `Basic realm="local ${rules.service}"`);
  return refuseClient(c, 401, "invalid_client");
}

function isClient(
  authorization: string | undefined,
  form: URLSearchParams,
  { clientId, clientSecret, secretInForm }: OAuthRules,
): boolean {
  const named = form.get("client_id") ?? "";
  if (clientSecret === undefined) return authorization === undefined && named === clientId;
  const basic = /^Basic (\S+)$/.exec(authorization ?? "")?.[1];
  const inForm = secretInForm ? `${named}:${form.get("client_secret") ?? ""}` : null;
  const given = basic === undefined ? inForm : Buffer.from(basic, "base64").toString();
  return given !== null && timingSafeEqual(digest(given), digest(`${clientId}:${clientSecret}`));
}

/** Gives texts of any length the equal lengths that `timingSafeEqual` needs. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A refusal in the form of RFC 6749 §5.2. */
function refuseClient(
  c: Context,
  status: 400 | 401,
  error: string,
  description?: string,
): Response {
  const described = description === undefined ? {} : { error_description: description };
  return c.json({ error, ...described }, status);
}
