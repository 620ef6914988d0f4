import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import {
  EVENT_REQUESTS_PER_MINUTE,
  TICKETS_PER_MINUTE,
  USER_REQUESTS_PER_MINUTE,
} from "../../protocol/limits.ts";
import { takeToken } from "../rate-limit.ts";
import type { AppEnv } from "./app-env.ts";
import { refuse, tooOften } from "./areas.ts";
import type { ProblemAnswer } from "./problem.ts";

/** How often a user may do something in a minute. Routes with one `name` share what it counts. */
export type UserLimit = { readonly name: string; readonly perMinute: number };

/** Of everything that has no narrower limit: each request costs a look into D1 or a hub. */
export const REQUESTS: UserLimit = { name: "requests", perMinute: USER_REQUESTS_PER_MINUTE };

/** Of ways to the event stream: a ticket, or a token at the upgrade itself. */
export const CONNECTIONS: UserLimit = { name: "ws-ticket", perMinute: TICKETS_PER_MINUTE };

/** Of the event stream over HTTP: a long poll comes back after each event. */
export const EVENTS: UserLimit = { name: "events", perMinute: EVENT_REQUESTS_PER_MINUTE };

/** Counts one request of a user. @returns the answer to one too many, or null; `c` gets the fields */
export async function refuseTooMany(
  c: Context<AppEnv>,
  { name, perMinute }: UserLimit,
  sub: string,
): Promise<ProblemAnswer | null> {
  const limit = { name, key: sub, quota: perMinute, windowMs: 60_000 };
  const decision = await takeToken(c.env, limit);
  const headers = c.get("area").rateLimitHeaders([decision]);
  if (!decision.allowed) return refuse(c, tooOften(headers));
  for (const [field, value] of Object.entries(headers)) c.header(field, value);
  return null;
}

/** Limits how often a user may call a route. Use after `requireAuth`. */
export const limitUser = (limit: UserLimit) =>
  createMiddleware<AppEnv>(
    async (c, next) => (await refuseTooMany(c, limit, c.get("principal").sub)) ?? next(),
  );
