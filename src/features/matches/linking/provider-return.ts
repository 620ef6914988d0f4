import type { LinkOutcome, Provider } from "./link-outcome.ts";
import type { IdentityFailure, LinkAttempt, LinkPorts } from "./ports.ts";
import { isSecret, sha256 } from "./secrets.ts";

/** Characters of a code; the providers' are far shorter. */
const CODE_MAX_LENGTH = 2_048;

/** What a provider sends a browser back with (RFC 6749 §4.1.2), as it came. */
export type ProviderReturn = {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
};

/** A return that counts: the first with its state, in time, in the browser that left. */
export type CountedReturn = {
  readonly kind: "counted";
  readonly attempt: LinkAttempt;
  /** The cookie, and its hash. */
  readonly browser: string;
  readonly browserHash: string;
  readonly code: string;
};

/**
 * Takes the step that a browser comes back for. It is spent whatever comes of it: a state that has been
 * seen where it does not belong is good for nothing any more.
 * @param browser the cookie of the browser
 */
export async function takeReturn(
  { attempts, clock }: Pick<LinkPorts, "attempts" | "clock">,
  at: Provider,
  { state, code, error }: ProviderReturn,
  browser: string | undefined,
): Promise<CountedReturn | LinkOutcome> {
  if (!isSecret(state)) return { kind: "expired" };
  const step = at === "Discord" ? "discord" : "faceit";
  const attempt = await attempts.take(await sha256(state), step, clock());
  if (attempt === null) return { kind: "expired" };
  if (!isSecret(browser)) return { kind: "other_browser" };
  // Hashes of random secrets: comparing them tells nothing about these.
  const browserHash = await sha256(browser);
  if (browserHash !== attempt.browserHash) return { kind: "other_browser" };
  if (error === "access_denied") return { kind: "cancelled", at };
  if (error !== undefined) return { kind: "refused", at };
  if (code === undefined || code === "" || code.length > CODE_MAX_LENGTH) {
    return { kind: "expired" };
  }
  return { kind: "counted", attempt, browser, browserHash, code };
}

/** A provider's failure as the page says it. */
export function toOutcome(at: Provider, failure: IdentityFailure): LinkOutcome {
  switch (failure.kind) {
    case "bad_code":
      return { kind: "expired" };
    case "refused":
      return { kind: "refused", at };
    case "rate_limited":
      return { kind: "busy", at, retryAfterMs: failure.retryAfterMs };
    case "failed":
      return { kind: "unreachable", at };
  }
}
