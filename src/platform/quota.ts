/** How many requests in how long: `quota` at once, then one each `windowMs / quota`. */
export type Quota = {
  readonly quota: number;
  readonly windowMs: number;
  /** Counted by `decideSecondBucket`, for clients that were made for such a server. */
  readonly inWholeSeconds?: true;
};

/** What a request may do, and what is left. */
export type QuotaDecision = {
  readonly allowed: boolean;
  /** Requests left at once. */
  readonly remaining: number;
  /** Until one more is allowed, milliseconds; 0 when it is now. */
  readonly retryAfterMs: number;
  /** Until the whole quota is there again, milliseconds. */
  readonly resetMs: number;
};

/** The same, with what to remember. */
export type GcraDecision = QuotaDecision & {
  /** The theoretical arrival time, milliseconds; unchanged when refused. */
  readonly tat: number;
};

/**
 * Generic cell rate algorithm: exact, with one number a key, and no burst at a window's edge.
 * @param tat what the last decision left; absent: never asked
 */
export function decideGcra(limit: Quota, tat: number | undefined, now: number): GcraDecision {
  const interval = limit.windowMs / limit.quota;
  const from = Math.max(tat ?? now, now);
  const next = from + interval;
  const earliest = next - limit.windowMs;
  const allowed = earliest <= now;
  const kept = allowed ? next : from;
  // Floating point: 9.999999 of ten intervals are ten.
  const remaining = Math.floor((limit.windowMs - (kept - now)) / interval + 1e-9);
  return {
    allowed,
    tat: kept,
    remaining: Math.max(0, remaining),
    retryAfterMs: remaining > 0 ? 0 : Math.max(0, kept + interval - limit.windowMs - now),
    resetMs: kept - now,
  };
}

/** What is remembered of a bucket. */
export type SecondBucket = {
  readonly tokens: number;
  /** When it was last filled, whole seconds since 1970. */
  readonly second: number;
  /** When it is full again at the latest, milliseconds since 1970: then it need not be remembered. */
  readonly fullAt: number;
};

/**
 * A bucket that is filled at whole seconds only: when the second has advanced by n, it gets
 * `floor(n · quota / window)` tokens, and is full after a whole window (chat.md §1.4). A refused request
 * costs nothing.
 * @param known what the last decision left; absent: never asked, or long ago
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
  // Seconds that gave nothing count on: with less than one token a second nobody would ever get one.
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
 * Objects that share the counting of rate limits. Each takes about a thousand requests a second, and
 * its database is made once; another number forgets what was counted (docs/design/rate-limits.md).
 */
export const RATE_LIMITERS = 32;
