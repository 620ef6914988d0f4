import { z } from "zod";
import { log } from "../../../platform/log.ts";
import { askOutside, type Fetch, parseJson, USER_AGENT } from "../../../protocol/outbound.ts";
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
  fetch: Fetch | undefined,
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

/** An identity provider, and our OAuth client there. */
type Provider = {
  /** The names of our two requests in the log. */
  readonly tokenCall: string;
  readonly userCall: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly userUrl: string;
  readonly clientId: string;
  /** Absent: a public client, which names itself in the body (RFC 6749 §2.1, §4.1.3). */
  readonly clientSecret: string | undefined;
  readonly redirectUri: string;
  /** Headers of both requests. */
  readonly headers: Readonly<Record<string, string>>;
};

/** The address where a user signs in (RFC 6749 §4.1.1). @param more the parameters besides our client's */
function signInUrl(
  { authorizeUrl, clientId, redirectUri }: Provider,
  more: Readonly<Record<string, string>>,
): string {
  const url = new URL(authorizeUrl);
  const client = { response_type: "code", client_id: clientId, redirect_uri: redirectUri };
  for (const [name, value] of Object.entries({ ...client, ...more })) {
    url.searchParams.set(name, value);
  }
  return url.href;
}

/**
 * Finds the user of a code: exchanges it for an access token (RFC 6749 §4.1.3), which is used for one request and
 * not kept.
 * @param form the code, and what belongs to it
 * @returns the body of the provider's answer about the user
 */
async function askUser(
  fetch: Fetch | undefined,
  { tokenCall, userCall, tokenUrl, userUrl, clientId, clientSecret, redirectUri, ...own }: Provider,
  form: Readonly<Record<string, string>>,
): Promise<Result<unknown, IdentityFailure>> {
  const headers = { Accept: "application/json", ...own.headers };
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    redirect_uri: redirectUri,
    ...form,
    ...(clientSecret === undefined ? { client_id: clientId } : {}),
  });
  const exchanged = await askProvider(fetch, tokenCall, tokenUrl, {
    method: "POST",
    headers: {
      ...headers,
      "Content-Type": "application/x-www-form-urlencoded",
      ...(clientSecret === undefined
        ? {}
        : { Authorization: basicAuthorization(clientId, clientSecret) }),
    },
    body: body.toString(),
  });
  const tokens = exchanged?.status === 200 ? Tokens.safeParse(exchanged.body) : undefined;
  if (tokens?.success !== true) return err(whyNot(exchanged));
  const answer = await askProvider(fetch, userCall, userUrl, {
    headers: { ...headers, Authorization: `Bearer ${tokens.data.access_token}` },
  });
  if (answer?.status === 200) return ok(answer.body);
  const isRefused = answer?.status === 401 || answer?.status === 403;
  return err(pauseIn(answer) ?? { kind: isRefused ? "refused" : "failed" });
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
export type DiscordIdentityConfig = Pick<Provider, "authorizeUrl" | "clientId" | "redirectUri"> & {
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly clientSecret: string;
};

const Me = z.object({
  id: DiscordId,
  username: z.string().nullish().catch(null),
  global_name: z.string().nullish().catch(null),
});

/** {@link DiscordIdentity} over HTTP. */
export function httpDiscordIdentity(
  { apiUrl, ...client }: DiscordIdentityConfig,
  fetch?: Fetch,
): DiscordIdentity {
  const provider: Provider = {
    ...client,
    tokenCall: "discord token",
    userCall: "discord user",
    tokenUrl: `${apiUrl}/oauth2/token`,
    userUrl: `${apiUrl}/users/@me`,
    // Discord refuses requests without this User-Agent (discord.md §2 REST).
    headers: { "User-Agent": USER_AGENT },
  };
  return {
    authorizeUrl: (state) => signInUrl(provider, { scope: "identify", state }),

    async whoIs(code) {
      const answered = await askUser(fetch, provider, { code });
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
  { userinfoUrl, ...client }: NonNullable<FaceitConfig["oauth"]>,
  fetch?: Fetch,
): FaceitIdentity {
  const provider: Provider = {
    ...client,
    tokenCall: "faceit token",
    userCall: "faceit userinfo",
    userUrl: userinfoUrl,
    headers: {},
  };
  return {
    authorizeUrl: (state, challenge) =>
      signInUrl(provider, {
        scope: SCOPES,
        state,
        code_challenge: challenge,
        code_challenge_method: "S256",
        // Without this FACEIT's page behaves as a popup and never redirects back (§A1).
        redirect_popup: "true",
      }),

    async whoIs(code, verifier) {
      const answered = await askUser(fetch, provider, { code, code_verifier: verifier });
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
