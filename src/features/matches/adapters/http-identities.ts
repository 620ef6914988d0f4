import { z } from "zod";
import { USER_AGENT } from "../../../platform/discord/send.ts";
import { log } from "../../../platform/log.ts";
import { askOutside, type Fetch, parseJson } from "../../../platform/outbound.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import { FACEIT_ANSWER_MAX_BYTES, FACEIT_TIMEOUT_MS } from "../../../protocol/limits.ts";
import { retryAfterMs } from "../../../protocol/retry-after.ts";
import { shownText } from "../../../protocol/shown-text.ts";
import type { FaceitConfig } from "../config.ts";
import type { DiscordIdentity, FaceitIdentity, IdentityFailure } from "../ports.ts";

/** The answer of an identity provider; `body` is undefined if it is not JSON. */
type ProviderAnswer = {
  readonly status: number;
  readonly body: unknown;
  /** The pause in `Retry-After`, milliseconds; null: none. */
  readonly retryAfterMs: number | null;
};

/**
 * Sends one request to an identity provider. Redirects are not followed, so that a code or token reaches no
 * other server. Neither the request nor the answer is logged.
 * @param call the name of the request in the log
 * @returns null: no answer in time, or one that is too large
 */
async function askProvider(
  fetch: Fetch,
  call: string,
  url: string,
  init: RequestInit,
): Promise<ProviderAnswer | null> {
  try {
    const bounds = { timeoutMs: FACEIT_TIMEOUT_MS, maxBytes: FACEIT_ANSWER_MAX_BYTES };
    const { status, headers, text } = await askOutside(url, init, bounds, fetch);
    if (status !== 200) log("warn", "link.provider_refused", { call, status });
    if (text === null) return null;
    const pauseMs = retryAfterMs(headers.get("Retry-After"), Date.now());
    return { status, body: parseJson(text), retryAfterMs: pauseMs };
  } catch (error) {
    log("warn", "link.provider_unreachable", {
      call,
      reason: error instanceof Error ? error.name : "unknown",
    });
    return null;
  }
}

/** `Authorization: Basic` of a client with a secret (RFC 6749 §2.3.1). */
function basicAuthorization(id: string, secret: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${id}:${secret}`)))}`;
}

/** The most UTF-16 units of a name, as for names on rosters. */
const NAME_MAX = 100;

/** The first of these that can be shown as a name; `otherwise` if there is none. */
function shownName(names: readonly unknown[], otherwise: string): string {
  return names.map((name) => shownText(name, NAME_MAX)).find((name) => name !== "") ?? otherwise;
}

const Tokens = z.object({ access_token: z.string().min(1) });
const OAuthError = z.object({ error: z.string() });

/** Our OAuth client at a provider. */
type OAuthClient = {
  readonly id: string;
  /** Absent: a public client, which names itself in the body (RFC 6749 §2.1, §4.1.3). */
  readonly secret: string | undefined;
};

/**
 * Exchanges a code for an access token (RFC 6749 §4.1.3).
 * @param form the parameters besides `grant_type`
 * @returns the token, which the caller uses for one request and does not keep
 */
async function exchangeCode(
  fetch: Fetch,
  call: string,
  url: string,
  { id, secret }: OAuthClient,
  form: Readonly<Record<string, string>>,
): Promise<Result<string, IdentityFailure>> {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    ...form,
    ...(secret === undefined ? { client_id: id } : {}),
  });
  const answer = await askProvider(fetch, call, url, {
    method: "POST",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/x-www-form-urlencoded",
      ...(secret === undefined ? {} : { Authorization: basicAuthorization(id, secret) }),
    },
    body: body.toString(),
  });
  const tokens = answer?.status === 200 ? Tokens.safeParse(answer.body) : undefined;
  return tokens?.success === true ? ok(tokens.data.access_token) : err(whyNot(answer));
}

/** Requests `url` with the token, and returns the answer's body. */
async function askWithToken(
  fetch: Fetch,
  call: string,
  url: string,
  token: string,
): Promise<Result<unknown, IdentityFailure>> {
  const answer = await askProvider(fetch, call, url, {
    headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
  });
  if (answer?.status === 200) return ok(answer.body);
  const pause = pauseIn(answer);
  if (pause !== null) return err(pause);
  const isRefused = answer?.status === 401 || answer?.status === 403;
  return err({ kind: isRefused ? "refused" : "failed" });
}

/** The failure of an answer that asks for a pause; null for any other answer. */
function pauseIn(answer: ProviderAnswer | null): IdentityFailure | null {
  if (answer === null) return null;
  const { status, retryAfterMs: pauseMs } = answer;
  const isPause = status === 429 || (status === 503 && pauseMs !== null);
  return isPause ? { kind: "rate_limited", retryAfterMs: pauseMs } : null;
}

/** Why an exchange failed (RFC 6749 §5.2): `invalid_grant` is about the code, all else about our client. */
function whyNot(answer: ProviderAnswer | null): IdentityFailure {
  if (answer?.status === 401 || answer?.status === 403) return { kind: "refused" };
  if (answer?.status !== 400) return pauseIn(answer) ?? { kind: "failed" };
  const { data } = OAuthError.safeParse(answer.body);
  return { kind: data?.error === "invalid_grant" ? "bad_code" : "refused" };
}

/** Discord's addresses and our application there. */
export type DiscordIdentityConfig = {
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** One of the redirects registered for the application. */
  readonly redirectUri: string;
};

const Me = z.object({
  id: DiscordId,
  username: z.string().nullish().catch(null),
  global_name: z.string().nullish().catch(null),
});

/** {@link DiscordIdentity} over HTTP. */
export function httpDiscordIdentity(config: DiscordIdentityConfig, fetch: Fetch): DiscordIdentity {
  const { apiUrl, authorizeUrl, clientId, clientSecret, redirectUri } = config;
  // Discord refuses requests without this User-Agent (discord.md §2 REST).
  const named: Fetch = (url, { headers, ...init }) => {
    const all = new Headers(headers);
    all.set("User-Agent", USER_AGENT);
    return fetch(url, { ...init, headers: all });
  };
  return {
    authorizeUrl(state) {
      const url = new URL(authorizeUrl);
      url.searchParams.set("response_type", "code");
      url.searchParams.set("client_id", clientId);
      url.searchParams.set("redirect_uri", redirectUri);
      url.searchParams.set("scope", "identify");
      url.searchParams.set("state", state);
      return url.href;
    },

    async whoIs(code) {
      const client = { id: clientId, secret: clientSecret };
      const token = await exchangeCode(named, "discord token", `${apiUrl}/oauth2/token`, client, {
        code,
        redirect_uri: redirectUri,
      });
      if (!token.ok) return token;
      const answered = await askWithToken(
        named,
        "discord user",
        `${apiUrl}/users/@me`,
        token.value,
      );
      if (!answered.ok) return answered;
      const me = Me.safeParse(answered.value);
      if (!me.success) return err({ kind: "failed" });
      const { id, username, global_name: globalName } = me.data;
      return ok({ id, name: shownName([globalName, username], id) });
    },
  };
}

/** Userinfo answers `insufficient_scope` without these (§A1). */
const SCOPES = "openid profile";

/** `guid` is the player's id in the Data API; `sub` stands in for it in some answers (§A1). */
const Userinfo = z.object({
  guid: z.string().nullish().catch(null),
  sub: z.string().nullish().catch(null),
  nickname: z.string().nullish().catch(null),
  name: z.string().nullish().catch(null),
  preferred_username: z.string().nullish().catch(null),
});

const AccountId = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);

/** {@link FaceitIdentity} over HTTP. */
export function httpFaceitIdentity(
  oauth: NonNullable<FaceitConfig["oauth"]>,
  fetch: Fetch,
): FaceitIdentity {
  return {
    authorizeUrl(state, challenge) {
      const url = new URL(oauth.authorizeUrl);
      url.searchParams.set("response_type", "code");
      url.searchParams.set("client_id", oauth.clientId);
      url.searchParams.set("redirect_uri", oauth.redirectUri);
      url.searchParams.set("scope", SCOPES);
      url.searchParams.set("state", state);
      url.searchParams.set("code_challenge", challenge);
      url.searchParams.set("code_challenge_method", "S256");
      // Without this FACEIT's page behaves as a popup and never redirects back (§A1).
      url.searchParams.set("redirect_popup", "true");
      return url.href;
    },

    async whoIs(code, verifier) {
      const client = { id: oauth.clientId, secret: oauth.clientSecret };
      const token = await exchangeCode(fetch, "faceit token", oauth.tokenUrl, client, {
        code,
        redirect_uri: oauth.redirectUri,
        code_verifier: verifier,
      });
      if (!token.ok) return token;
      const answered = await askWithToken(fetch, "faceit userinfo", oauth.userinfoUrl, token.value);
      if (!answered.ok) return answered;
      const info = Userinfo.safeParse(answered.value);
      const id = AccountId.safeParse(info.data?.guid ?? info.data?.sub);
      if (!info.success || !id.success) return err({ kind: "no_account_id" });
      const { nickname, name, preferred_username: username } = info.data;
      // The Data API writes ids in lower case.
      const playerId = id.data.toLowerCase();
      return ok({ playerId, nickname: shownName([nickname, name, username], playerId) });
    },
  };
}
