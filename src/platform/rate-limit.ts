import type { PlatformEnv, RateLimiterRpc } from "./env.ts";
import { fnv1a } from "../protocol/bytes.ts";
import { type Quota, type QuotaDecision, RATE_LIMITERS } from "./quota.ts";

/** A named limit, and the key of the client whose requests it counts. */
export type RateLimit = Quota & {
  /** Name of the policy in the `RateLimit` fields. */
  readonly name: string;
  readonly key: string;
};

/** The decision of one limit, with its name and size for the header fields. */
export type RateLimitDecision = QuotaDecision & Pick<RateLimit, "name" | "quota" | "windowMs">;

/** Counts one request by a limit. */
export async function takeToken(
  env: Pick<PlatformEnv, "LIMITER">,
  limit: RateLimit,
): Promise<RateLimitDecision> {
  const { name, key: _, ...quota } = limit;
  const decision = await limiterOf(env, limit).take(countedAs(limit), quota);
  return { ...decision, name, quota: quota.quota, windowMs: quota.windowMs };
}

/** The object that counts this limit. */
export function limiterOf(
  env: Pick<PlatformEnv, "LIMITER">,
  limit: Pick<RateLimit, "name" | "key">,
): DurableObjectStub<RateLimiterRpc> {
  return env.LIMITER.getByName(`share-${shareOf(limit)}`);
}

/** Which of the {@link RATE_LIMITERS} objects counts this limit. */
export function shareOf(limit: Pick<RateLimit, "name" | "key">): number {
  // An attacker who sends everything to one object is limited there by their own quota.
  return fnv1a(countedAs(limit)) % RATE_LIMITERS;
}

function countedAs({ name, key }: Pick<RateLimit, "name" | "key">): string {
  return `${name}:${key}`;
}

/**
 * The `RateLimit` and `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers), and
 * `Retry-After` when one of the limits is used up. Times are whole seconds, rounded up.
 */
export function rateLimitHeaders(decisions: readonly RateLimitDecision[]): Record<string, string> {
  const refused = decisions.filter((decision) => !decision.allowed);
  const wait = Math.max(0, ...refused.map((decision) => seconds(decision.retryAfterMs)));
  return {
    "RateLimit-Policy": decisions
      .map(({ name, quota, windowMs }) => `"${name}";q=${quota};w=${seconds(windowMs)}`)
      .join(", "),
    RateLimit: decisions
      .map(({ name, remaining, resetMs }) => `"${name}";r=${remaining};t=${seconds(resetMs)}`)
      .join(", "),
    ...(refused.length === 0 ? {} : { "Retry-After": String(Math.max(1, wait)) }),
  };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
