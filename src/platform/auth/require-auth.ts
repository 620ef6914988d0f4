import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../http/app-env.ts";
import { problem } from "../http/problem.ts";
import { log } from "../log.ts";
import { verifyToken, type TokenFailure } from "./verify-token.ts";

/** Lets only requests with a valid app JWT pass, and says who it is (rooms.md §1). */
export const requireAuth = createMiddleware<AppEnv>(async (c, next) => {
  const token = /^Bearer +(\S+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
  if (token === undefined) {
    return problem(c, "unauthorized", "Send your access token: Authorization: Bearer <token>.", {
      headers: { "WWW-Authenticate": "Bearer" },
    });
  }
  const verified = await verifyToken(c.env, token);
  if (!verified.ok) {
    log("info", "auth.refused", { requestId: c.get("requestId"), ...verified.error });
    if (verified.error.reason === "keys_unavailable") {
      return problem(c, "unavailable", "The sign-in service does not answer. Try again shortly.", {
        headers: { "Retry-After": "5" },
      });
    }
    return problem(c, "unauthorized", adviceFor(verified.error), {
      headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
    });
  }
  c.set("principal", verified.value);
  return next();
});

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
