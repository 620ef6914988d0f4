import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RateLimitRoute } from "./call.ts";
import { GLOBAL_REQUESTS_PER_SECOND } from "./global-rate.ts";
import { mustBeRemembered, readLimitSignals, type LimitSignals } from "./limit-signals.ts";
import { OUTSIDE_PAUSE_MAX_MS } from "../../protocol/limits.ts";
import {
  ADDRESS_PAUSE_FIRST_MS,
  INVALID_REQUESTS_MAX,
  INVALID_WINDOW_MS,
  RateLimits,
  UNAUTHORIZED_PAUSE_MS,
} from "./rate-limits.ts";

const inGuild = (major: string): RateLimitRoute => ({ name: "POST /guilds/:guildId/x", major });

/** A bucket at Discord: a number of calls in a window that starts with the first of them. */
class DiscordBucket {
  #left = 0;
  #resetAt = 0;
  readonly limit: number;
  readonly windowMs: number;
  constructor(limit: number, windowMs: number) {
    this.limit = limit;
    this.windowMs = windowMs;
  }
  take(now: number): Response {
    if (now >= this.#resetAt) {
      this.#left = this.limit;
      this.#resetAt = now + this.windowMs;
    }
    const refused = this.#left === 0;
    if (!refused) this.#left -= 1;
    const resetAfter = String((this.#resetAt - now) / 1000);
    return new Response(null, {
      status: refused ? 429 : 200,
      headers: {
        "X-RateLimit-Bucket": "abc",
        "X-RateLimit-Limit": String(this.limit),
        "X-RateLimit-Remaining": String(this.#left),
        "X-RateLimit-Reset-After": resetAfter,
        ...(refused ? { "Retry-After": resetAfter, "X-RateLimit-Scope": "user" } : {}),
      },
    });
  }
}

/** The signals of a response that took `tookMs`. */
const heard = (response: Response, tookMs: number): LimitSignals => ({
  ...readLimitSignals(response.status, response.headers, undefined, 0),
  tookMs,
});

describe("rate limits of Discord", () => {
  it("never gets a 429 once the bucket is known, at any pace", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 50, max: 10_000 }),
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 100 }),
        (limit, windowMs, pauses) => {
          const bucket = new DiscordBucket(limit, windowMs);
          let limits = new RateLimits();
          let now = 1_000_000;
          for (const pause of pauses) {
            now += pause;
            const admission = limits.admit(inGuild("1"), now);
            if (admission.kind === "go") {
              const response = bucket.take(now);
              expect(response.status).toBe(200);
              const signals = readLimitSignals(response.status, response.headers, undefined, 0);
              limits.settle(inGuild("1"), signals, now);
            } else {
              expect(admission.retryAfterMs).toBeGreaterThan(0);
              expect(admission.retryAfterMs).toBeLessThanOrEqual(windowMs);
            }
            // An eviction between two calls must not lose any pause.
            if (pause % 3 === 0) limits = new RateLimits(limits.remember(now));
          }
        },
      ),
    );
  });

  it("sends no more at once than the window allows, also while responses are outstanding", () => {
    const bucket = new DiscordBucket(5, 1_000);
    const limits = new RateLimits();
    const first = bucket.take(0);
    expect(limits.admit(inGuild("1"), 0).kind).toBe("go");
    limits.settle(inGuild("1"), readLimitSignals(200, first.headers, undefined, 0), 0);
    const burst = Array.from({ length: 20 }, () => limits.admit(inGuild("1"), 10));
    expect(burst.filter(({ kind }) => kind === "go")).toHaveLength(4);
  });

  it("is not confused by responses that overtake each other", () => {
    const bucket = new DiscordBucket(40, 10_000);
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(inGuild("1"), heard(bucket.take(0), 10), 10);
    const answers = Array.from({ length: 30 }, () => {
      limits.admit(inGuild("1"), 20);
      return bucket.take(20);
    });
    // The newest response arrives first. It has counted the calls whose responses are still in transit.
    for (const answer of answers.slice(-1)) limits.settle(inGuild("1"), heard(answer, 10), 30);
    const rest = Array.from({ length: 20 }, () => limits.admit(inGuild("1"), 40));
    expect(rest.filter(({ kind }) => kind === "go")).toHaveLength(9);
  });

  it("counts the calls of other users of the same bucket", () => {
    const bucket = new DiscordBucket(10, 1_000);
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    const first = bucket.take(0);
    for (let i = 0; i < 5; i += 1) bucket.take(1);
    limits.settle(inGuild("1"), heard(first, 2), 2);
    limits.admit(inGuild("1"), 3);
    limits.settle(inGuild("1"), heard(bucket.take(3), 1), 4);
    const rest = Array.from({ length: 10 }, () => limits.admit(inGuild("1"), 5));
    expect(rest.filter(({ kind }) => kind === "go")).toHaveLength(3);
  });

  it("notices a new window although slow answers made the old one look longer", () => {
    const bucket = new DiscordBucket(10, 1_000);
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    // The answer took nearly a second, so the window seems to last until 1,900.
    limits.settle(inGuild("1"), heard(bucket.take(0), 900), 900);
    limits.admit(inGuild("1"), 1_100);
    limits.settle(inGuild("1"), heard(bucket.take(1_105), 10), 1_110);
    const rest = Array.from({ length: 20 }, () => limits.admit(inGuild("1"), 1_950));
    expect(rest.filter(({ kind }) => kind === "go")).toHaveLength(9);
    expect(limits.admit(inGuild("1"), 1_960)).toEqual({ kind: "rate_limited", retryAfterMs: 150 });
  });

  it("ignores an answer that arrives long after its window has ended", () => {
    const bucket = new DiscordBucket(10, 1_000);
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(inGuild("1"), heard(bucket.take(0), 10), 10);
    limits.admit(inGuild("1"), 990);
    const late = bucket.take(995);
    limits.admit(inGuild("1"), 1_020);
    limits.settle(inGuild("1"), heard(bucket.take(1_030), 20), 1_040);
    limits.settle(inGuild("1"), heard(late, 510), 1_500);
    const rest = Array.from({ length: 20 }, () => limits.admit(inGuild("1"), 1_510));
    const gone = rest.filter(({ kind }) => kind === "go").length;
    expect(gone).toBeGreaterThan(7);
    for (let i = 0; i < gone; i += 1) expect(bucket.take(1_515).status).toBe(200);
    expect(limits.admit(inGuild("1"), 1_520)).toEqual({ kind: "rate_limited", retryAfterMs: 520 });
  });

  it("keeps another guild's bucket apart", () => {
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(
      inGuild("1"),
      { status: 429, bucket: "b", retryAfterMs: 5_000, scope: "shared" },
      0,
    );
    expect(limits.admit(inGuild("1"), 1)).toEqual({ kind: "rate_limited", retryAfterMs: 4_999 });
    expect(limits.admit(inGuild("2"), 1).kind).toBe("go");
    expect(limits.admit(inGuild("1"), 5_000).kind).toBe("go");
  });

  it("uses the time of a 429, also against an older response about the window", () => {
    const limits = new RateLimits();
    const window = { bucket: "b", limit: 40, remaining: 39, resetAfterMs: 10_000 };
    for (const signals of [
      { status: 200, ...window },
      { status: 429, ...window, remaining: 0, resetAfterMs: 200, retryAfterMs: 200 },
    ]) {
      expect(limits.admit(inGuild("1"), 0).kind).toBe("go");
      limits.settle(inGuild("1"), signals, 0);
    }
    expect(limits.admit(inGuild("1"), 0)).toEqual({ kind: "rate_limited", retryAfterMs: 200 });
    expect(limits.admit(inGuild("1"), 200).kind).toBe("go");
  });

  it("uses the time of a 429 also against answers that were in transit", () => {
    const limits = new RateLimits();
    for (let i = 0; i < 2; i += 1) limits.admit(inGuild("1"), 0);
    const window = { bucket: "b", limit: 40, remaining: 38, resetAfterMs: 10_000, tookMs: 20 };
    limits.settle(inGuild("1"), { status: 429, retryAfterMs: 500, scope: "shared" }, 10);
    limits.settle(inGuild("1"), { status: 200, ...window }, 20);
    expect(limits.admit(inGuild("1"), 30)).toEqual({ kind: "rate_limited", retryAfterMs: 480 });
    expect(limits.admit(inGuild("1"), 510).kind).toBe("go");
  });

  it("learns the end of a window from a fast answer after a slow one made it look longer", () => {
    const bucket = new DiscordBucket(2, 1_000);
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(inGuild("1"), heard(bucket.take(0), 700), 700);
    limits.admit(inGuild("1"), 800);
    limits.settle(inGuild("1"), heard(bucket.take(805), 10), 810);
    expect(limits.admit(inGuild("1"), 900)).toEqual({ kind: "rate_limited", retryAfterMs: 105 });
  });

  it("reads an unknown window correctly when its answers overtake each other", () => {
    const bucket = new DiscordBucket(10, 1_000);
    const limits = new RateLimits();
    const answers = Array.from({ length: 5 }, () => {
      limits.admit(inGuild("1"), 0);
      return bucket.take(0);
    });
    for (const answer of answers.toReversed()) limits.settle(inGuild("1"), heard(answer, 10), 10);
    const rest = Array.from({ length: 10 }, () => limits.admit(inGuild("1"), 20));
    expect(rest.filter(({ kind }) => kind === "go")).toHaveLength(5);
  });

  it("stops everything for a global 429", () => {
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(inGuild("1"), { status: 429, retryAfterMs: 700, scope: "global" }, 0);
    expect(limits.admit(inGuild("2"), 1)).toEqual({ kind: "rate_limited", retryAfterMs: 699 });
    expect(limits.admit(inGuild("2"), 700).kind).toBe("go");
  });

  it("keeps the global limit in every second of Discord, however long calls are in transit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 100, maxLength: 300 }),
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 30 }),
        (pauses, latencies) => {
          const limits = new RateLimits();
          const arrived: number[] = [];
          const answers: { readonly at: number; readonly major: string }[] = [];
          let now = 0;
          for (const [index, pause] of pauses.entries()) {
            now += pause;
            for (const { at, major } of answers.filter((one) => one.at <= now)) {
              limits.settle(inGuild(major), { status: 200 }, at);
            }
            answers.splice(0, answers.length, ...answers.filter((one) => one.at > now));
            const major = String(index);
            if (limits.admit(inGuild(major), now).kind !== "go") continue;
            const latency = latencies[index % latencies.length] ?? 0;
            arrived.push(now + latency);
            answers.push({ at: now + latency, major });
          }
          for (const at of arrived) {
            const inSecond = arrived.filter((other) => other > at - 1000 && other <= at);
            expect(inSecond.length).toBeLessThanOrEqual(GLOBAL_REQUESTS_PER_SECOND);
          }
        },
      ),
    );
  });

  /** The signals of a response from Discord's edge. */
  const edge = (headers: Record<string, string> = {}, now = 0): LimitSignals =>
    readLimitSignals(429, new Headers({ "Content-Type": "text/html", ...headers }), undefined, now);

  it("stops all calls when Discord's edge refuses our address", () => {
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    expect(limits.settle(inGuild("1"), edge({ "Retry-After": "3600" }), 0)).toBe(true);
    const paused = { kind: "rate_limited", retryAfterMs: 3_599_999 };
    expect(limits.admit({ name: "GET /users/@me", major: "" }, 1)).toEqual(paused);
    const later = new RateLimits(limits.remember(1));
    expect(later.admit(inGuild("2"), 1)).toEqual(paused);
    expect(later.admit(inGuild("2"), 3_600_000).kind).toBe("go");
    // A longer Retry-After counts as the longest pause.
    later.settle(inGuild("2"), edge({ "Retry-After": "3601" }), 3_600_000);
    expect(later.admit(inGuild("2"), 3_600_000)).toEqual({
      kind: "rate_limited",
      retryAfterMs: OUTSIDE_PAUSE_MAX_MS,
    });
  });

  it.each([
    [
      "a 403 of the edge",
      403,
      { "Content-Type": "text/html; charset=UTF-8" },
      undefined,
      "address",
    ],
    ["a 403 of Discord", 403, { "Content-Type": "application/json" }, { code: 50_013 }, undefined],
    ["a 429 that names no limit", 429, {}, undefined, "address"],
    ["a 429 whose body is not Discord's", 429, {}, { message: "slow down" }, "address"],
    ["a 429 that names its bucket", 429, { "X-RateLimit-Bucket": "b" }, undefined, undefined],
    ["a 429 with Discord's body", 429, {}, { retry_after: 1 }, undefined],
    ["a 429 that only its body calls global", 429, {}, { retry_after: 1, global: true }, "global"],
  ])("finds out which limit it is: %s", (_, status, headers, body, scope) => {
    expect(readLimitSignals(status, new Headers(headers), body, 0).scope).toBe(scope);
  });

  it("takes the pause from a Retry-After with a date, or from X-RateLimit-Reset-After", () => {
    const limits = new RateLimits();
    const now = Date.UTC(2026, 10, 21);
    limits.admit(inGuild("1"), now);
    limits.settle(
      inGuild("1"),
      edge({ "Retry-After": new Date(now + 9_000).toUTCString() }, now),
      now,
    );
    expect(limits.admit(inGuild("1"), now)).toEqual({ kind: "rate_limited", retryAfterMs: 9_000 });
    const window = new Headers({ "X-RateLimit-Bucket": "b", "X-RateLimit-Reset-After": "4" });
    limits.admit(inGuild("1"), now + 9_000);
    limits.settle(inGuild("1"), readLimitSignals(429, window, undefined, 0), now + 9_000);
    expect(limits.admit(inGuild("1"), now + 9_000)).toEqual({
      kind: "rate_limited",
      retryAfterMs: 4_000,
    });
  });

  it("sends a handful of calls in ten minutes while its address is refused, however often callers try", () => {
    fc.assert(
      fc.property(
        // The edge gives no time, or one that is too short.
        fc.constantFrom({}, { "Retry-After": "0" }, { "Retry-After": "1" }),
        fc.integer({ min: 5, max: 500 }),
        fc.integer({ min: 0, max: 2_000 }),
        (headers, everyMs, latencyMs) => {
          let limits = new RateLimits();
          let calls = 0;
          const answers: { readonly at: number; readonly major: string }[] = [];
          for (let now = 0; now < INVALID_WINDOW_MS; now += everyMs) {
            while (answers[0] !== undefined && answers[0].at <= now) {
              const { at, major } = answers.shift() ?? { at: now, major: "" };
              limits.settle(inGuild(major), { ...edge(headers, at), tookMs: latencyMs }, at);
              // An eviction must not lose the pause.
              if (calls % 3 === 0) limits = new RateLimits(limits.remember(at));
            }
            const major = String(now % 7);
            if (limits.admit(inGuild(major), now).kind !== "go") continue;
            calls += 1;
            answers.push({ at: now + latencyMs, major });
          }
          // The calls that were sent before the first answer arrived, and one after each pause.
          const before = GLOBAL_REQUESTS_PER_SECOND * Math.ceil((latencyMs + 1) / 1_000);
          expect(calls).toBeLessThan(before + 16);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("probes with one call whether the address is accepted again, and then admits all", () => {
    const limits = new RateLimits();
    let now = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 14; i += 1) {
      expect(limits.admit(inGuild("1"), now).kind).toBe("go");
      limits.settle(inGuild("1"), edge(), now);
      const next = limits.admit(inGuild("1"), now);
      if (next.kind !== "rate_limited") throw new Error("nothing was paused");
      pauses.push(next.retryAfterMs);
      now += next.retryAfterMs;
    }
    expect(pauses.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * ADDRESS_PAUSE_FIRST_MS));
    expect(pauses.at(-1)).toBe(OUTSIDE_PAUSE_MAX_MS);
    expect(limits.admit(inGuild("1"), now).kind).toBe("go");
    expect(limits.admit(inGuild("2"), now + 1).kind).toBe("rate_limited");
    expect(limits.settle(inGuild("1"), { status: 200, remaining: 3 }, now + 2)).toBe(true);
    expect(limits.admit(inGuild("2"), now + 2).kind).toBe("go");
    // Calls are also admitted when the clock is set back.
    expect(limits.admit(inGuild("3"), 0).kind).toBe("go");
    // The next refusal begins with the first pause again.
    limits.settle(inGuild("2"), edge(), now + 3);
    expect(limits.admit(inGuild("2"), now + 3)).toEqual({
      kind: "rate_limited",
      retryAfterMs: ADDRESS_PAUSE_FIRST_MS,
    });
  });

  it("makes no call for a while after a 401", () => {
    const limits = new RateLimits();
    limits.admit(inGuild("1"), 0);
    limits.settle(inGuild("1"), { status: 401 }, 0);
    const later = new RateLimits(limits.remember(0));
    expect(later.admit(inGuild("2"), UNAUTHORIZED_PAUSE_MS - 1)).toEqual({
      kind: "unauthorized",
      retryAfterMs: 1,
    });
    expect(later.admit(inGuild("2"), UNAUTHORIZED_PAUSE_MS).kind).toBe("go");
  });

  it("stops far below the number of invalid requests that leads to a ban", () => {
    const limits = new RateLimits();
    let now = 0;
    let sent = 0;
    for (; sent < INVALID_REQUESTS_MAX + 1; sent += 1) {
      now += 21;
      if (limits.admit(inGuild(String(sent)), now).kind !== "go") break;
      limits.settle(inGuild(String(sent)), { status: 403 }, now);
    }
    expect(sent).toBe(INVALID_REQUESTS_MAX);
    expect(limits.admit(inGuild("x"), INVALID_WINDOW_MS + 21).kind).toBe("go");
  });

  it("does not count a shared 429 towards the ban", () => {
    const limits = new RateLimits();
    for (let i = 0; i <= INVALID_REQUESTS_MAX; i += 1) {
      limits.admit(inGuild(String(i)), i * 21);
      limits.settle(inGuild(String(i)), { status: 429, retryAfterMs: 1, scope: "shared" }, i * 21);
    }
    expect(limits.admit(inGuild("x"), INVALID_REQUESTS_MAX * 21 + 25).kind).toBe("go");
  });

  it("ignores headers that are no numbers, and never throws", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]*$/), fc.stringMatching(/^[ -~]*$/), (a, b) => {
        const headers = new Headers({
          "X-RateLimit-Limit": a,
          "X-RateLimit-Remaining": b,
          "X-RateLimit-Reset-After": a,
          "Retry-After": b,
        });
        const limits = new RateLimits();
        limits.admit(inGuild("1"), 0);
        limits.settle(inGuild("1"), readLimitSignals(429, headers, undefined, 0), 0);
        expect(limits.admit(inGuild("2"), 0).kind).toBe("go");
      }),
    );
    const nonsense = new Headers({ "X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "-1" });
    expect(readLimitSignals(200, nonsense, undefined, 0)).toEqual({ status: 200 });
  });

  it("stores its state only after a response that makes calls wait", () => {
    expect(mustBeRemembered({ status: 200, remaining: 3 })).toBe(false);
    expect(mustBeRemembered({ status: 200, remaining: 0 })).toBe(true);
    expect(mustBeRemembered({ status: 429 })).toBe(true);
    expect(mustBeRemembered({ status: 401 })).toBe(true);
  });
});
