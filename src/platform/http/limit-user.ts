import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import {
  EVENT_REQUESTS_PER_MINUTE,
  TICKETS_PER_MINUTE,
  USER_REQUESTS_PER_MINUTE,
} from "../../protocol/limits.ts";
import type { PlatformEnv } from "../env.ts";
import { type RateLimitDecision, takeToken } from "../rate-limit.ts";
import type { AppEnv } from "./app-env.ts";
import { refuse, rateLimited } from "./areas.ts";
import type { ProblemAnswer } from "./problem.ts";

/** How often a user may do something in a minute. Routes with one `name` share what it counts. */
export type UserLimit = { readonly name: string; readonly perMinute: number };

/** The limit of all requests without a narrower one, because each of them reads D1 or a hub. */
export const REQUESTS: UserLimit = { name: "requests", perMinute: USER_REQUESTS_PER_MINUTE };

/** The limit of connections to the event stream: tickets, and upgrades with a token. */
export const CONNECTIONS: UserLimit = { name: "ws-ticket", perMinute: TICKETS_PER_MINUTE };

/** The limit of the event stream over HTTP, where a long poll returns after each event. */
export const EVENTS: UserLimit = { name: "events", perMinute: EVENT_REQUESTS_PER_MINUTE };

/** Counts one request of a user. */
export function takeOf(
  env: PlatformEnv,
  { name, perMinute }: UserLimit,
  sub: string,
): Promise<RateLimitDecision> {
  return takeToken(env, { name, key: sub, quota: perMinute, windowMs: 60_000 });
}

/** Counts one request of a user, and sets the rate limit fields. @returns the refusal, or null if allowed */
export async function refuseTooMany(
  c: Context<AppEnv>,
  limit: UserLimit,
  sub: string,
): Promise<ProblemAnswer | null> {
  const decision = await takeOf(c.env, limit, sub);
  const headers = c.get("area").rateLimitHeaders([decision]);
  if (!decision.allowed) return refuse(c, rateLimited(headers));
  for (const [field, value] of Object.entries(headers)) c.header(field, value);
  return null;
}

/**
 * As whom the requests of a principal are counted. Tokens that were revoked use up nothing of the newer ones: only an
 * account's hub knows which are.
 */
export function countedAs({
  sub,
  epoch,
}: {
  readonly sub: string;
  readonly epoch?: number;
}): string {
  return epoch === undefined ? sub : `${sub}#${epoch}`;
}

/** Limits how often a user may call a route. Use after `requireAuth`. */
export const limitUser = (limit: UserLimit) =>
  createMiddleware<AppEnv>(
    async (c, next) => (await refuseTooMany(c, limit, countedAs(c.get("principal")))) ?? next(),
  );
