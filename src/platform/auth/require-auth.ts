import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../http/app-env.ts";
import { problem, type ProblemAnswer } from "../http/problem.ts";
import { log } from "../log.ts";
import { err, type Result } from "../result.ts";
import type { Principal } from "./principal.ts";
import { type TokenFailure, verifyToken } from "./verify-token.ts";

/** Lets only requests with a valid app JWT pass, and says who it is (rooms.md §1). */
export const requireAuth = createMiddleware<AppEnv>(async (c, next) => {
  const principal = await authenticate(c);
  if (!principal.ok) return principal.error;
  c.set("principal", principal.value);
  return next();
});

/** Who the `Authorization` header speaks for, or the answer to a request without a good one. */
export async function authenticate(c: Context<AppEnv>): Promise<Result<Principal, ProblemAnswer>> {
  const token = /^Bearer {1,9}(\S+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
  if (token === undefined) {
    return err(
      problem(c, "unauthorized", "Send your access token: Authorization: Bearer <token>."),
    );
  }
  const verified = await verifyToken(c.env, token);
  if (verified.ok) return verified;
  log("info", "auth.refused", verified.error);
  if (verified.error.reason === "keys_unavailable") {
    return err(
      problem(c, "unavailable", "The sign-in service does not answer. Try again shortly.", {
        headers: { "Retry-After": "5" },
      }),
    );
  }
  return err(
    problem(c, "unauthorized", adviceFor(verified.error), {
      headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
    }),
  );
}

/** What a client may know: enough to mend it, nothing to attack with. */
function adviceFor(failure: TokenFailure): string {
  switch (failure.reason) {
    case "expired":
      return "Your token has expired. Get a new one.";
    case "bad_claim":
      return `Your token's ${failure.claim} claim is missing or not the one we expect.`;
    default:
      return "Your token is not valid here. Sign in again.";
  }
}

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
