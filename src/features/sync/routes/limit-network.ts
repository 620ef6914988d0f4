import { createMiddleware } from "hono/factory";
import type { Context } from "hono";
import { clientNetwork } from "../../../platform/client-network.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { rateLimited, refuse } from "../../../platform/http/areas.ts";
import type { ProblemAnswer } from "../../../platform/http/problem.ts";
import type { Quota } from "../../../platform/quota.ts";
import { takeToken } from "../../../platform/rate-limit.ts";

/** A limit by the network of the client, for requests without a token. Routes with one `name` share its count. */
type NetworkLimit = Quota & { readonly name: string };

/** Counts one request of the client's network. @returns the refusal, or null if allowed */
export async function refuseNetwork(
  c: Context<AppEnv>,
  limit: NetworkLimit,
): Promise<ProblemAnswer | null> {
  const key = clientNetwork(c.req.header("CF-Connecting-IP"));
  const decision = await takeToken(c.env, { ...limit, key });
  if (decision.allowed) return null;
  return refuse(c, rateLimited(c.get("area").rateLimitHeaders([decision])));
}

/** Limits how often a network may call a route. It counts before the body is read. */
export const limitNetwork = (limit: NetworkLimit) =>
  createMiddleware<AppEnv>(async (c, next) => (await refuseNetwork(c, limit)) ?? next());
