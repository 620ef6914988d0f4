import { readAtMost } from "../../../platform/http/read-at-most.ts";
import { log } from "../../../platform/log.ts";
import { FACEIT_ANSWER_MAX_BYTES, FACEIT_TIMEOUT_MS } from "../../../protocol/limits.ts";
import { retryAfterMs } from "../../../protocol/retry-after.ts";
import { shownText } from "../../../protocol/shown-text.ts";

/** How requests leave; tests bring their own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What an identity provider answered; `body` is undefined when it is no JSON. */
export type ProviderAnswer = {
  readonly status: number;
  readonly body: unknown;
  /** How long it asks to wait; null: it does not. */
  readonly retryAfterMs: number | null;
};

/**
 * Asks an identity provider once. Redirects are not followed: a code or a token goes nowhere else.
 * Neither what is sent nor what is answered is written down.
 * @param call what this is, for the log
 * @returns null: no answer in time, or one that is too large
 */
export async function askProvider(
  fetch: Fetch,
  call: string,
  url: string,
  init: RequestInit,
): Promise<ProviderAnswer | null> {
  try {
    const response = await fetch(url, {
      ...init,
      redirect: "manual",
      signal: AbortSignal.timeout(FACEIT_TIMEOUT_MS),
    });
    const bytes = await readAtMost(response.body, FACEIT_ANSWER_MAX_BYTES);
    const { status } = response;
    if (status !== 200) log("warn", "link.provider_refused", { call, status });
    if (bytes === null) return null;
    const pauseMs = retryAfterMs(response.headers.get("Retry-After"), Date.now());
    return { status, body: parse(new TextDecoder().decode(bytes)), retryAfterMs: pauseMs };
  } catch (error) {
    log("warn", "link.provider_unreachable", {
      call,
      reason: error instanceof Error ? error.name : "unknown",
    });
    return null;
  }
}

/** `Authorization: Basic` of a client with a secret (RFC 6749 §2.3.1). */
export function basicAuthorization(id: string, secret: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${id}:${secret}`)))}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** UTF-16 units of a name that are kept, as of those on rosters. */
const NAME_MAX = 100;

/** The first of these that is a name, as it may be shown; none: `otherwise`. */
export function shownName(names: readonly unknown[], otherwise: string): string {
  return names.map((name) => shownText(name, NAME_MAX)).find((name) => name !== "") ?? otherwise;
}
