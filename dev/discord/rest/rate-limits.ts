import { createHash } from "node:crypto";
import type { Clock } from "../../../src/platform/clock.ts";

/** Calls of one bot per second, over all routes. */
export const GLOBAL_LIMIT = 50;
const GLOBAL_WINDOW_MS = 1_000;

interface Figures {
  readonly limit: number;
  readonly windowMs: number;
}

/** Discord publishes no figures. These are of a similar size, with room for a busy test run. */
const DEFAULT_FIGURES: Figures = { limit: 100, windowMs: 10_000 };
const FIGURES: ReadonlyMap<string, Figures> = new Map([
  ["POST /guilds/:guildId/channels", { limit: 40, windowMs: 10_000 }],
  ["GET /gateway/bot", { limit: 20, windowMs: 5_000 }],
  ["PATCH /channels/:channelId", { limit: 10, windowMs: 10_000 }],
  ["POST /channels/:channelId/invites", { limit: 20, windowMs: 10_000 }],
  ["POST /channels/:channelId/messages", { limit: 5, windowMs: 5_000 }],
]);

/** Whether a call may pass, and the headers of its answer. */
interface RateLimitVerdict {
  readonly limited: false | "global" | "user";
  /** Milliseconds until the same call may pass. */
  readonly retryAfterMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

interface Window {
  used: number;
  resetsAt: number;
}

/** Fixed windows per route and top-level id, and one over all routes, as the headers describe. */
export class RateLimits {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one call.
   * @param route method and pattern, for example `DELETE /channels/:channelId`
   * @param major the guild's or channel's id: each has its own bucket
   */
  take(route: string, major: string): RateLimitVerdict {
    const now = this.#clock();
    const global = this.#window("global", GLOBAL_WINDOW_MS, now);
    global.used += 1;
    if (global.used > GLOBAL_LIMIT) {
      return { limited: "global", retryAfterMs: global.resetsAt - now, headers: {} };
    }
    const { limit, windowMs } = FIGURES.get(route) ?? DEFAULT_FIGURES;
    const bucket = this.#window(`${route} ${major}`, windowMs, now);
    const limited = bucket.used >= limit;
    if (!limited) bucket.used += 1;
    const headers = bucketHeaders(route, {
      limit,
      remaining: limit - bucket.used,
      resetsAt: bucket.resetsAt,
      now,
    });
    const retryAfterMs = limited ? bucket.resetsAt - now : 0;
    return { limited: limited ? "user" : false, retryAfterMs, headers };
  }

  /** The headers of a used-up bucket, for a 429 that a test has set. */
  exhausted(route: string, retryAfterMs: number): Readonly<Record<string, string>> {
    const now = this.#clock();
    const { limit } = FIGURES.get(route) ?? DEFAULT_FIGURES;
    return bucketHeaders(route, { limit, remaining: 0, resetsAt: now + retryAfterMs, now });
  }

  #window(key: string, windowMs: number, now: number): Window {
    const known = this.#windows.get(key);
    if (known !== undefined && known.resetsAt > now) return known;
    for (const [other, { resetsAt }] of this.#windows) {
      if (resetsAt <= now) this.#windows.delete(other);
    }
    const fresh = { used: 0, resetsAt: now + windowMs };
    this.#windows.set(key, fresh);
    return fresh;
  }
}

function bucketHeaders(
  route: string,
  bucket: { limit: number; remaining: number; resetsAt: number; now: number },
): Readonly<Record<string, string>> {
  return {
    "X-RateLimit-Bucket": createHash("md5").update(route).digest("hex"),
    "X-RateLimit-Limit": String(bucket.limit),
    "X-RateLimit-Remaining": String(bucket.remaining),
    "X-RateLimit-Reset": (bucket.resetsAt / 1_000).toFixed(3),
    "X-RateLimit-Reset-After": ((bucket.resetsAt - bucket.now) / 1_000).toFixed(3),
  };
}
