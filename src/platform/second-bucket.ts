import type { Quota, QuotaDecision } from "./gcra.ts";

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
