import { type Context, Hono } from "hono";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../src/platform/clock.ts";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { choicePage, refusalPage } from "./card-page.ts";

/** How long a code may wait for its exchange, milliseconds. */
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

/** What somebody allowed the client. */
export interface Grant {
  /** Whose it is. */
  readonly subject: string;
  /** What was asked for, separated by spaces. */
  readonly scope: string;
}

interface Code extends Grant {
  readonly redirectUri: string;
  /** PKCE: base64url(SHA-256(verifier)); null: without it. */
  readonly challenge: string | null;
}

interface Token extends Grant {
  readonly refreshToken: string;
}

type Kept<T> = T & { readonly expiresAt: number };

/** Authorization codes and access tokens. A restart forgets them. */
export class Grants {
  /** How long an access token is good. */
  readonly tokenSeconds: number;
  readonly #clock: Clock;
  readonly #codes = new Map<string, Kept<Code>>();
  readonly #tokens = new Map<string, Kept<Token>>();

  constructor(clock: Clock, tokenSeconds: number) {
    this.#clock = clock;
    this.tokenSeconds = tokenSeconds;
  }

  /** @returns a code for one exchange within a minute */
  issueCode(code: Code): string {
    return this.#keep(this.#codes, code, CODE_LIFETIME_MS);
  }

  /** Uses a code up, whether the rest fits or not. Fails with the name of what does not. */
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

  /** What the access token of an `Authorization` header allows, or null. */
  ofBearer(authorization: string | undefined): Grant | null {
    const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1] ?? "";
    return this.#find(this.#tokens, token) ?? null;
  }

  /** Ends what an access or refresh token allows; one that is not known is no error (RFC 7009 §2.2). */
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

/** The one client of an authorization server, and what its service does in its own way. */
export interface OAuthRules {
  readonly whose: "Discord" | "FACEIT";
  readonly grants: Grants;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret: string | undefined;
  /** Whether the secret may also stand in the form, instead of HTTP Basic (RFC 6749 §2.3.1). */
  readonly secretInForm: boolean;
  /** Where a browser may be sent back to, each of them exactly. */
  readonly redirectUris: readonly string[];
  /** The variable that they are from. */
  readonly redirectVariable: string;
  readonly redirectStatus: 302 | 303;
  /** Whether every code is bound to a verifier, by S256 (RFC 7636). */
  readonly pkce: boolean;
  /** The one scope that there is; absent: any. */
  readonly onlyScope?: string;
  /** The page that asks who somebody is. */
  readonly page: {
    readonly title: string;
    readonly heading: () => string;
    /** Name of the form's field that carries the id of who was chosen. */
    readonly field: string;
    readonly people: () => readonly { readonly id: string; readonly name: string }[];
    /** Whom the field's value names: their id. */
    readonly find: (chosen: string) => string | undefined;
  };
  /** What an exchange answers besides the tokens. */
  readonly more: (grant: Grant) => Promise<object> | object;
}

/** Who asks, and where the browser goes back to. */
interface AuthorizationRequest extends Omit<Code, "subject"> {
  readonly state: string | undefined;
}

/**
 * `/authorize`: where a browser says who it is. A real one knows by a login; here anybody may be
 * anybody, by a form that is posted to the same address.
 */
export function authorizePages(rules: OAuthRules): Hono {
  const { whose, grants, page, redirectStatus } = rules;
  const pages = new Hono();
  const refuse = (c: Context, problem: string): Response =>
    c.html(refusalPage(whose, problem), 400);
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
  /** What the browser came with, or the answer to it. */
  const readRequest = (c: Context): AuthorizationRequest | Response => {
    const query = c.req.query();
    const { redirect_uri: redirectUri = "", code_challenge: challenge = "", scope = "" } = query;
    // RFC 6749 §4.1.2.1: nobody is sent to an address that the client has not registered.
    if (query["client_id"] !== rules.clientId) {
      return refuse(c, `This client_id is not the one of the local ${whose}.`);
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

  pages.use(async (c, next) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value);
    return next();
  });
  pages.get("/authorize", (c) => {
    const request = readRequest(c);
    if (request instanceof Response) return request;
    const { pathname, search } = new URL(c.req.url);
    return c.html(choicePage({ ...page, whose, action: pathname + search }));
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
    if (subject === undefined) return refuse(c, `There is no such person in this ${whose}.`);
    return sendBack(c, request, { code: grants.issueCode({ ...request, subject }) });
  });
  return pages;
}

/** `POST /token`: an authorization code for an access token. */
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
      // Good for nothing but to be revoked: refreshing is not modelled.
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
  c.header("WWW-Authenticate", `Basic realm="local ${rules.whose}"`);
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
