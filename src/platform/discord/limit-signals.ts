/** What a response says of limits. Times are relative, so that clocks need not agree. */
export type LimitSignals = {
  readonly status: number;
  readonly bucket?: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetAfterMs?: number;
  /** Of a 429. */
  readonly retryAfterMs?: number;
  readonly scope?: "user" | "global" | "shared";
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

/** The limits that a response's headers state (discord.md §2 REST). Unusable ones are ignored. */
export function readLimitSignals(
  status: number,
  headers: Headers,
  bodyRetryAfterSeconds: number | undefined,
): LimitSignals {
  const bucket = headers.get("X-RateLimit-Bucket");
  const limit = readNumber(headers.get("X-RateLimit-Limit"));
  const remaining = readNumber(headers.get("X-RateLimit-Remaining"));
  const resetAfter = readNumber(headers.get("X-RateLimit-Reset-After"));
  const retryAfter = bodyRetryAfterSeconds ?? readNumber(headers.get("Retry-After"));
  const scope = readScope(headers);
  return {
    status,
    ...(bucket === null ? {} : { bucket: bucket.slice(0, 128) }),
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(resetAfter === undefined ? {} : { resetAfterMs: Math.ceil(resetAfter * 1000) }),
    ...(status !== 429 || retryAfter === undefined
      ? {}
      : { retryAfterMs: Math.ceil(retryAfter * 1000) }),
    ...(scope === undefined ? {} : { scope }),
  };
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
