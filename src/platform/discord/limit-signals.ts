import { z } from "zod";
import { retryAfterMs } from "../../protocol/retry-after.ts";

/** What a response says of limits. Times are relative, so that clocks need not agree. */
export type LimitSignals = {
  readonly status: number;
  readonly bucket?: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetAfterMs?: number;
  /** Of a 429. */
  readonly retryAfterMs?: number;
  /**
   * Whose limit it is. `address`: not Discord's API answered but the edge before it, which refuses
   * whatever comes from our address.
   */
  readonly scope?: "user" | "global" | "shared" | "address";
  /** How long the call was under way: so old is what it says at most. Absent: no time at all. */
  readonly tookMs?: number;
};

/** Whether a response counts towards Discord's ban: a shared limit is nobody's fault. */
export function isInvalidRequest({ status, scope }: LimitSignals): boolean {
  return status === 401 || status === 403 || (status === 429 && scope !== "shared");
}

/** Whether a response changed something that `RateLimits.remember` must keep. */
export function mustBeRemembered(signals: LimitSignals): boolean {
  return isInvalidRequest(signals) || signals.status === 429 || signals.remaining === 0;
}

/** What Discord's API says in the body of a 429. */
const RateLimitBody = z.object({
  retry_after: z.number().min(0),
  global: z.boolean().catch(false),
});

/** Headers of which Discord's API sends at least one with every answer that it limits. */
const LIMIT_HEADERS = ["Bucket", "Limit", "Remaining", "Reset-After", "Scope", "Global"] as const;

/**
 * The limits that a response states (discord.md §2 REST). What is unusable is ignored.
 * @param body the parsed JSON; undefined when there was none
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
 * Whether the edge before Discord's API refused the call. The API names the limit that it means, and
 * refuses in JSON; the edge does neither.
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
