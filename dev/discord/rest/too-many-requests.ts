import type { RateLimitScope } from "./faults.ts";
import type { RestContext } from "./request.ts";

/** Answers 429 with the headers and the body that Discord sends for each scope. */
export function tooManyRequests(
  c: RestContext,
  limit: {
    readonly scope: RateLimitScope;
    /** Seconds, or the header as it stands; null: none. */
    readonly retryAfter: number | string | null;
    /** The bucket's headers; a global limit has none. */
    readonly headers: Readonly<Record<string, string>>;
  },
): Response {
  const { scope, retryAfter } = limit;
  const seconds = typeof retryAfter === "number" ? retryAfter : 1;
  const global = scope === "global";
  const message =
    scope === "shared" ? "The resource is being rate limited." : "You are being rate limited.";
  const headers = {
    ...(global ? { "X-RateLimit-Global": "true" } : limit.headers),
    "X-RateLimit-Scope": scope,
    // Whole seconds in the header, the exact time in the body.
    ...(retryAfter === null
      ? {}
      : {
          "Retry-After": typeof retryAfter === "string" ? retryAfter : String(Math.ceil(seconds)),
        }),
  };
  return c.json({ message, retry_after: seconds, global }, 429, headers);
}
