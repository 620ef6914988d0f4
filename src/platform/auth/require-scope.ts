import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../http/app-env.ts";
import { problem } from "../http/problem.ts";

/** Lets only tokens with this scope pass. Stands behind `requireAuth`. */
export function requireScope(scope: string) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!c.get("principal").scopes.includes(scope)) {
      return problem(
        c,
        "forbidden",
        `This needs a token with the scope ${scope}. Sign in as somebody who has it.`,
      );
    }
    await next();
    return undefined;
  });
}
