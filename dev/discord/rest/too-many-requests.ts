import type { RateLimitScope } from "./faults.ts";
import type { RestContext } from "./request.ts";

/** Answers 429 with the headers and the body that Discord sends for each scope. */
export function tooManyRequests(
  c: RestContext,
  limit: {
    readonly scope: RateLimitScope;
    readonly retryAfterSeconds: number;
    /** The bucket's headers; a global limit has none. */
    readonly headers: Readonly<Record<string, string>>;
  },
): Response {
  const { scope, retryAfterSeconds } = limit;
  const global = scope === "global";
  const message =
    scope === "shared" ? "The resource is being rate limited." : "You are being rate limited.";
  const headers = {
    ...(global ? { "X-RateLimit-Global": "true" } : limit.headers),
    "X-RateLimit-Scope": scope,
    // Whole seconds in the header, the exact time in the body.
    "Retry-After": String(Math.ceil(retryAfterSeconds)),
  };
  return c.json({ message, retry_after: retryAfterSeconds, global }, 429, headers);
}
