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

/**
 * Objects that share the counting of rate limits. Each takes about a thousand requests a second, and
 * its database is made once; another number forgets what was counted (docs/design/rate-limits.md).
 */
export const RATE_LIMITERS = 32;
