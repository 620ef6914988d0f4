import { describe, expect, it, test } from "vitest";
import { decideGcra, RATE_LIMITERS } from "./quota.ts";
import { rateLimitHeaders, shareOf, type RateLimitDecision } from "./rate-limit.ts";

const NOW = 1_000_000;

function after(count: number, name: string, quota: number): RateLimitDecision {
  const limit = { quota, windowMs: 60_000 };
  let decision = decideGcra(limit, undefined, NOW);
  for (let i = 1; i < count; i += 1) decision = decideGcra(limit, decision.tat, NOW);
  return { ...decision, ...limit, name };
}

describe("the fields of a limited answer", () => {
  it("name each policy and its remaining requests", () => {
    expect(rateLimitHeaders([after(1, "user", 10), after(3, "address", 240)])).toEqual({
      "RateLimit-Policy": '"user";q=10;w=60, "address";q=240;w=60',
      RateLimit: '"user";r=9;t=6, "address";r=237;t=1',
    });
  });

  it("tell the client to wait for the limit that refuses longest", () => {
    const headers = rateLimitHeaders([after(11, "user", 10), after(3, "tiny", 2)]);
    expect(headers["Retry-After"]).toBe("30");
    expect(headers["RateLimit"]).toContain('"user";r=0');
  });

  it("never have a Retry-After of 0", () => {
    const refused = { ...after(11, "user", 10), retryAfterMs: 0 };
    expect(rateLimitHeaders([refused])["Retry-After"]).toBe("1");
  });
});

test("a crowd that comes back at once is spread evenly over all limiters", () => {
  // The clients of one second (docs/scale.md), with names as alike as names can be.
  const crowd = 62_500;
  const counts = new Map<number, number>();
  for (let i = 0; i < crowd; i += 1) {
    const share = shareOf({ name: "ws-ticket", key: `user-${i}` });
    counts.set(share, (counts.get(share) ?? 0) + 1);
  }
  expect(counts.size).toBe(RATE_LIMITERS);
  expect(Math.max(...counts.values())).toBeLessThan((crowd / RATE_LIMITERS) * 1.25);
});
