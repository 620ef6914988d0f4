import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv, Failure } from "../http/app-env.ts";
import { refuse } from "../http/areas.ts";
import { log } from "../log.ts";
import { err, type Result } from "../result.ts";
import type { Principal } from "./principal.ts";
import { type TokenFailure, verifyToken } from "./verify-token.ts";

/** Lets only requests pass that authenticate in the way of their area. */
export const requireAuth = createMiddleware<AppEnv>(async (c, next) => {
  const principal = await c.get("area").authenticate(c);
  if (!principal.ok) return refuse(c, principal.error);
  c.set("principal", principal.value);
  return next();
});

/** The token of an `Authorization` header (RFC 6750 §2.1). */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer {1,9}(\S+)$/i.exec(authorization ?? "")?.[1];
}

/** The principal of the app JWT in the `Authorization` header, or what is wrong with it (rooms.md §1). */
export async function authenticateByToken(c: Context<AppEnv>): Promise<Result<Principal, Failure>> {
  const token = bearerToken(c.req.header("Authorization"));
  if (token === undefined) {
    return err({
      code: "unauthorized",
      detail: "Send your access token: Authorization: Bearer <token>.",
    });
  }
  const verified = await verifyToken(c.env, token);
  if (verified.ok) return verified;
  log("info", "auth.refused", verified.error);
  if (verified.error.reason === "keys_unavailable") {
    return err({
      code: "unavailable",
      detail: "The sign-in service does not answer. Try again shortly.",
      headers: { "Retry-After": "5" },
    });
  }
  return err({
    code: "unauthorized",
    detail: adviceFor(verified.error),
    headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
  });
}

/** What a client is told: enough to correct the request, and nothing that helps an attacker. */
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

/** Lets only tokens with this scope pass. Use after `requireAuth`. */
export function requireScope(scope: string) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!c.get("principal").scopes.includes(scope)) {
      const detail = `This needs a token with the scope ${scope}. Sign in as somebody who has it.`;
      return refuse(c, { code: "forbidden", detail });
    }
    await next();
    return undefined;
  });
}
