/** A rate limit: `quota` requests at once, then one every `windowMs / quota` milliseconds. */
export type Quota = {
  readonly quota: number;
  readonly windowMs: number;
  /** Counted by `decideSecondBucket`, for clients that were written for a server with such a bucket. */
  readonly inWholeSeconds?: true;
};

/** Whether a request is allowed, and what remains of the quota. */
export type QuotaDecision = {
  readonly allowed: boolean;
  /** Further requests that would be allowed now. */
  readonly remaining: number;
  /** Time until one more is allowed, milliseconds; 0: now. */
  readonly retryAfterMs: number;
  /** Time until the whole quota is available again, milliseconds. */
  readonly resetMs: number;
};

/** A decision with the state to store. */
export type GcraDecision = QuotaDecision & {
  /** The theoretical arrival time, milliseconds; unchanged when refused. */
  readonly tat: number;
};

/**
 * Generic cell rate algorithm: exact, one number per key, and no burst at the edge of a window.
 * @param tat of the last decision; absent: this is the first request
 */
export function decideGcra(limit: Quota, tat: number | undefined, now: number): GcraDecision {
  const interval = limit.windowMs / limit.quota;
  const from = Math.max(tat ?? now, now);
  const next = from + interval;
  const earliest = next - limit.windowMs;
  const allowed = earliest <= now;
  const kept = allowed ? next : from;
  // The 1e-9 corrects floating point: 9.9999999999 intervals are ten.
  const remaining = Math.floor((limit.windowMs - (kept - now)) / interval + 1e-9);
  return {
    allowed,
    tat: kept,
    remaining: Math.max(0, remaining),
    retryAfterMs: remaining > 0 ? 0 : Math.max(0, kept + interval - limit.windowMs - now),
    resetMs: kept - now,
  };
}

/** The stored state of a bucket. */
export type SecondBucket = {
  readonly tokens: number;
  /** When it was last filled, whole seconds since 1970. */
  readonly second: number;
  /** When the bucket is full again at the latest, milliseconds since 1970. Its state can be deleted then. */
  readonly fullAt: number;
};

/**
 * A bucket that is filled at whole seconds only: when the second has advanced by n, it gets
 * `floor(n · quota / window)` tokens, and is full after a whole window (chat.md §1.4). A refused request
 * costs nothing.
 * @param known state of the last decision; absent: there was none, or the bucket is full again
 */
export function decideSecondBucket(
  { quota, windowMs }: Quota,
  known: Pick<SecondBucket, "tokens" | "second"> | undefined,
  now: number,
): QuotaDecision & { readonly bucket: SecondBucket } {
  const second = Math.floor(now / 1000);
  const window = windowMs / 1000;
  const before = known ?? { tokens: quota, second };
  const passed = Math.max(0, second - before.second);
  const refill = passed >= window ? quota : Math.floor((passed * quota) / window);
  // Seconds that gave no token are added up. Otherwise a rate below one token a second would never give any.
  const filled =
    refill === 0 ? before : { tokens: Math.min(quota, before.tokens + refill), second };
  const allowed = filled.tokens > 0;
  const tokens = allowed ? filled.tokens - 1 : 0;
  const until = (count: number): number =>
    (filled.second + Math.min(window, Math.ceil((count * window) / quota))) * 1000 - now;
  return {
    allowed,
    bucket: { tokens, second: filled.second, fullAt: filled.second * 1000 + windowMs },
    remaining: tokens,
    retryAfterMs: tokens > 0 ? 0 : until(1),
    resetMs: until(quota - tokens),
  };
}

/**
 * Number of objects that count the rate limits: enough that a million clients who come back at once are some
 * hundred requests a second for each (docs/scale.md). An object that nobody calls, or that has nothing to store,
 * costs nothing. After a change of this number all counts start at zero (docs/design/rate-limits.md).
 */
export const RATE_LIMITERS = 128;
