import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideGcra, decideSecondBucket, type Quota, type SecondBucket } from "./quota.ts";

const TEN_A_MINUTE: Quota = { quota: 10, windowMs: 60_000 };

/** Sends a request at each of these times. */
function ask(
  limit: Quota,
  times: readonly number[],
): { allowed: number[]; tat: number | undefined } {
  let tat: number | undefined;
  const allowed = times.filter((now) => {
    const decision = decideGcra(limit, tat, now);
    ({ tat } = decision);
    return decision.allowed;
  });
  return { allowed, tat };
}

const limits = fc.record({
  quota: fc.integer({ min: 1, max: 300 }),
  windowMs: fc.integer({ min: 1_000, max: 3_600_000 }),
});
const times = fc
  .array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 200 })
  .map((gaps) => gaps.map((_, i) => 1e12 + gaps.slice(0, i + 1).reduce((a, b) => a + b, 0)));

describe("GCRA", () => {
  it("allows the whole quota at once, and not one more", () => {
    const { allowed } = ask(
      TEN_A_MINUTE,
      Array.from({ length: 11 }, () => 1_000_000),
    );
    expect(allowed).toHaveLength(10);
  });

  it("counts the remaining requests down, and reports when the next is allowed", () => {
    let tat: number | undefined;
    const left = Array.from({ length: 11 }, () => {
      const decision = decideGcra(TEN_A_MINUTE, tat, 1_000_000);
      ({ tat } = decision);
      return [decision.remaining, decision.retryAfterMs];
    });
    expect(left.map(([remaining]) => remaining)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]);
    expect(left.map(([, retry]) => retry)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 6_000, 6_000]);
    expect(decideGcra(TEN_A_MINUTE, tat, 1_005_999).allowed).toBe(false);
    expect(decideGcra(TEN_A_MINUTE, tat, 1_006_000).allowed).toBe(true);
  });

  it("never allows more than twice the quota in any window, nor more than the rate over time", () => {
    fc.assert(
      fc.property(limits, times, (limit, at) => {
        const { allowed } = ask(limit, at);
        for (const start of allowed) {
          const inWindow = allowed.filter((t) => t >= start && t < start + limit.windowMs);
          expect(inWindow.length).toBeLessThanOrEqual(2 * limit.quota);
        }
        const [first = 0] = at;
        const elapsed = (at.at(-1) ?? 0) - first;
        const fair = limit.quota + (elapsed * limit.quota) / limit.windowMs + 1e-6;
        expect(allowed.length).toBeLessThanOrEqual(fair);
      }),
    );
  });

  it("allows a request exactly after retryAfterMs, and not a moment before", () => {
    fc.assert(
      fc.property(limits, times, (limit, at) => {
        const { tat } = ask(limit, at);
        const now = at.at(-1) ?? 0;
        const decision = decideGcra(limit, tat, now);
        if (decision.allowed) return;
        const wait = decision.retryAfterMs;
        expect(decideGcra(limit, decision.tat, now + wait + 1e-3).allowed).toBe(true);
        if (wait > 1) {
          expect(decideGcra(limit, decision.tat, now + wait - 1).allowed).toBe(false);
        }
      }),
    );
  });

  it("a refused request costs nothing", () => {
    fc.assert(
      fc.property(limits, times, fc.integer({ min: 1, max: 50 }), (limit, at, tries) => {
        let { tat } = ask(limit, at);
        const now = at.at(-1) ?? 0;
        while (decideGcra(limit, tat, now).allowed) ({ tat } = decideGcra(limit, tat, now));
        const before = tat;
        for (let i = 0; i < tries; i += 1) ({ tat } = decideGcra(limit, tat, now));
        expect(tat).toBe(before);
      }),
    );
  });
});

const ACCORD = { quota: 70, windowMs: 60_000 };
const NOW = 1_800_000_000_000;

/** Sends a request at each of these times, and returns the times that were allowed and the last state. */
function askBucket(
  limit: { readonly quota: number; readonly windowMs: number },
  moments: readonly number[],
): { allowed: number[]; bucket: SecondBucket | undefined } {
  let bucket: SecondBucket | undefined;
  const allowed = moments.filter((now) => {
    const decision = decideSecondBucket(limit, bucket, now);
    ({ bucket } = decision);
    return decision.allowed;
  });
  return { allowed, bucket };
}

describe("a bucket in whole seconds (chat.md §1.4)", () => {
  it("allows 70 requests at once, and then refuses until the next second", () => {
    const { allowed, bucket } = askBucket(ACCORD, Array<number>(71).fill(NOW + 400));
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
  ])("that is empty: after %i seconds it has %i tokens", (seconds, tokens) => {
    const empty = { tokens: 0, second: NOW / 1000 };
    const { remaining } = decideSecondBucket(ACCORD, empty, NOW + seconds * 1000);
    expect(remaining).toBe(tokens - 1);
  });

  it("gives tokens at the right time also when a second gives less than one", () => {
    const slow = { quota: 6, windowMs: 60_000 };
    const everySecond = Array.from({ length: 61 }, (_, i) => NOW + i * 1000);
    const at = [...Array<number>(6).fill(NOW), ...everySecond];
    // One token every ten seconds, although requests in between are refused.
    expect(askBucket(slow, at).allowed.slice(6)).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => NOW + n * 10_000),
    );
  });

  it("allows a request exactly after retryAfterMs, never more than the quota at once, and is full at fullAt", () => {
    const moments = fc
      .array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 200 })
      .map((gaps) => gaps.map((_, i) => NOW + gaps.slice(0, i + 1).reduce((a, b) => a + b, 0)));
    const quotas = fc.record({
      quota: fc.integer({ min: 1, max: 200 }),
      windowMs: fc.integer({ min: 1, max: 600 }).map((seconds) => seconds * 1000),
    });
    fc.assert(
      fc.property(quotas, moments, (limit, asked) => {
        const { bucket } = askBucket(limit, asked);
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
        expect(askBucket(limit, Array<number>(limit.quota + 1).fill(now)).allowed).toHaveLength(
          limit.quota,
        );
      }),
    );
  });
});
