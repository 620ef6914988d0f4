import { z } from "zod";
import { retryAfterMs } from "../../protocol/retry-after.ts";

/** The limits that a response states. Times are relative, so that clocks need not agree. */
export type LimitSignals = {
  readonly status: number;
  readonly bucket?: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetAfterMs?: number;
  /** Only of a 429. */
  readonly retryAfterMs?: number;
  /**
   * Which limit it is. `address`: the answer is not from Discord's API but from its edge, which refuses all
   * requests from our address.
   */
  readonly scope?: "user" | "global" | "shared" | "address";
  /** Duration of the call, milliseconds. The signals are at most that old; absent: 0. */
  readonly tookMs?: number;
};

/** Whether a response counts towards Discord's ban. A 429 of a shared limit does not. */
export function isInvalidRequest({ status, scope }: LimitSignals): boolean {
  return status === 401 || status === 403 || (status === 429 && scope !== "shared");
}

/** Whether a response changed something that `RateLimits.remember` has to store. */
export function mustBeRemembered(signals: LimitSignals): boolean {
  return isInvalidRequest(signals) || signals.status === 429 || signals.remaining === 0;
}

/** The body of a 429 from Discord's API. */
const RateLimitBody = z.object({
  retry_after: z.number().min(0),
  global: z.boolean().catch(false),
});

/** Headers of which Discord's API sends at least one with every answer that it limits. */
const LIMIT_HEADERS = ["Bucket", "Limit", "Remaining", "Reset-After", "Scope", "Global"] as const;

/**
 * Reads the limits that a response states (discord.md §2 REST). Unusable values are ignored.
 * @param body the parsed JSON; undefined when the body is no JSON
 * @param now milliseconds since 1970
 */
export function readLimitSignals(
  status: number,
  headers: Headers,
  body: unknown,
  now: number,
): LimitSignals {
  const told = status === 429 ? RateLimitBody.safeParse(body).data : undefined;
  const bucket = headers.get("X-RateLimit-Bucket");
  const limit = readNumber(headers.get("X-RateLimit-Limit"));
  const remaining = readNumber(headers.get("X-RateLimit-Remaining"));
  const resetAfter = readNumber(headers.get("X-RateLimit-Reset-After"));
  const scope = readScope(headers) ?? (told?.global === true ? "global" : undefined);
  const isFromEdge = told === undefined && isEdgeRefusal(status, headers);
  const pauseMs =
    told === undefined
      ? retryAfterMs(headers.get("Retry-After"), now)
      : Math.ceil(told.retry_after * 1000);
  return {
    status,
    ...(bucket === null ? {} : { bucket: bucket.slice(0, 128) }),
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(resetAfter === undefined ? {} : { resetAfterMs: Math.ceil(resetAfter * 1000) }),
    ...((status !== 429 && !isFromEdge) || pauseMs === null ? {} : { retryAfterMs: pauseMs }),
    ...(isFromEdge ? { scope: "address" } : scope === undefined ? {} : { scope }),
  };
}

/**
 * Whether the edge in front of Discord's API refused the call. The API names the limit and answers in JSON; the
 * edge does neither.
 */
function isEdgeRefusal(status: number, headers: Headers): boolean {
  if (status === 403) return headers.get("Content-Type")?.startsWith("text/html") === true;
  return status === 429 && !LIMIT_HEADERS.some((name) => headers.has(`X-RateLimit-${name}`));
}

function readScope(headers: Headers): LimitSignals["scope"] {
  const scope = headers.get("X-RateLimit-Scope");
  if (scope === "user" || scope === "global" || scope === "shared") return scope;
  return headers.get("X-RateLimit-Global") === "true" ? "global" : undefined;
}

function readNumber(text: string | null): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
