import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSecondBucket, type SecondBucket } from "./second-bucket.ts";

const ACCORD = { quota: 70, windowMs: 60_000 };
const NOW = 1_800_000_000_000;

/** Asks at each of these times, and keeps what is remembered. */
function ask(
  limit: { readonly quota: number; readonly windowMs: number },
  times: readonly number[],
): { allowed: number[]; bucket: SecondBucket | undefined } {
  let bucket: SecondBucket | undefined;
  const allowed = times.filter((now) => {
    const decision = decideSecondBucket(limit, bucket, now);
    ({ bucket } = decision);
    return decision.allowed;
  });
  return { allowed, bucket };
}

describe("a bucket in whole seconds (chat.md §1.4)", () => {
  it("takes 70 at once, and then refuses until the next second", () => {
    const { allowed, bucket } = ask(ACCORD, Array<number>(71).fill(NOW + 400));
    expect(allowed).toHaveLength(70);
    const refused = decideSecondBucket(ACCORD, bucket, NOW + 999);
    expect([refused.allowed, refused.retryAfterMs, refused.bucket]).toEqual([false, 1, bucket]);
    expect(decideSecondBucket(ACCORD, bucket, NOW + 1_000).allowed).toBe(true);
  });

  it.each([
    [1, 1],
    [5, 5],
    [6, 7],
    [59, 68],
    [60, 70],
    [10_000, 70],
  ])("that is empty has after %i seconds %i tokens", (seconds, tokens) => {
    const empty = { tokens: 0, second: NOW / 1000 };
    const { remaining } = decideSecondBucket(ACCORD, empty, NOW + seconds * 1000);
    expect(remaining).toBe(tokens - 1);
  });

  it("gives a token in time also where a second gives less than one", () => {
    const slow = { quota: 6, windowMs: 60_000 };
    const everySecond = Array.from({ length: 61 }, (_, i) => NOW + i * 1000);
    const at = [...Array<number>(6).fill(NOW), ...everySecond];
    // One each ten seconds, although somebody asks in between.
    expect(ask(slow, at).allowed.slice(6)).toEqual([1, 2, 3, 4, 5, 6].map((n) => NOW + n * 10_000));
  });

  it("lets come what it said would be let come, never more than the quota at once, and is full in time", () => {
    const times = fc
      .array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 200 })
      .map((gaps) => gaps.map((_, i) => NOW + gaps.slice(0, i + 1).reduce((a, b) => a + b, 0)));
    const limits = fc.record({
      quota: fc.integer({ min: 1, max: 200 }),
      windowMs: fc.integer({ min: 1, max: 600 }).map((seconds) => seconds * 1000),
    });
    fc.assert(
      fc.property(limits, times, (limit, asked) => {
        const { bucket } = ask(limit, asked);
        const now = asked.at(-1) ?? NOW;
        const decision = decideSecondBucket(limit, bucket, now);
        if (!decision.allowed) {
          expect(decision.retryAfterMs).toBeGreaterThan(0);
          const then = now + decision.retryAfterMs;
          expect(decideSecondBucket(limit, bucket, then).allowed).toBe(true);
          expect(decideSecondBucket(limit, bucket, then - 1).allowed).toBe(false);
        }
        const full = Math.max(now, decision.bucket.fullAt);
        expect(decideSecondBucket(limit, decision.bucket, full).remaining).toBe(limit.quota - 1);
        expect(ask(limit, Array<number>(limit.quota + 1).fill(now)).allowed).toHaveLength(
          limit.quota,
        );
      }),
    );
  });
});
