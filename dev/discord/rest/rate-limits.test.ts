import { describe, expect, it } from "vitest";
import { GLOBAL_LIMIT, RateLimits } from "./rate-limits.ts";

const SEND = "POST /channels/:channelId/messages";
const READ = "GET /channels/:channelId";

describe("rate limits", () => {
  it("allow 50 calls a second over all routes, then report the global limit", () => {
    let now = 1_000_000;
    const limits = new RateLimits(() => now);
    const calls = Array.from({ length: GLOBAL_LIMIT + 1 }, (_, n) => limits.take(READ, String(n)));
    expect(calls.slice(0, -1).every(({ limited }) => limited === false)).toBe(true);
    now += 400;
    expect(limits.take(SEND, "1")).toEqual({ limited: "global", retryAfterMs: 600, headers: {} });
    expect(calls.at(-1)?.limited).toBe("global");
    now += 600;
    expect(limits.take(SEND, "1").limited).toBe(false);
  });

  it("count a window per route and id, and report when it ends", () => {
    let now = 1_000_000;
    const limits = new RateLimits(() => now);
    for (let n = 0; n < 5; n += 1) expect(limits.take(SEND, "1").limited).toBe(false);
    now += 1_500;
    const over = limits.take(SEND, "1");
    expect(over).toMatchObject({ limited: "user", retryAfterMs: 3_500 });
    expect(over.headers).toMatchObject({
      "X-RateLimit-Limit": "5",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": "1005.000",
      "X-RateLimit-Reset-After": "3.500",
    });
    expect(limits.take(SEND, "2").limited).toBe(false);
    expect(limits.take(READ, "1").limited).toBe(false);
    now += 3_500;
    expect(limits.take(SEND, "1")).toMatchObject({ limited: false, retryAfterMs: 0 });
  });
});
