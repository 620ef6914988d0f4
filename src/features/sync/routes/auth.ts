import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { bearerToken, requireAuth } from "../../../platform/auth/require-auth.ts";
import { systemClock } from "../../../platform/clock.ts";
import type { AppEnv, Failure } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { countedAs, refuseTooMany } from "../../../platform/http/limit-user.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import {
  SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS,
  SYNC_SIGN_INS_PER_MINUTE_PER_KEY,
} from "../../../protocol/limits.ts";
import { signerOf } from "../auth/account-keys.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf, failures, SYNC_REQUESTS, UNAUTHORIZED } from "../http-dialect.ts";
import { portsOf } from "../wire.ts";
import { CREATE_FAILURES, Success } from "./in-account.ts";
import { limitNetwork } from "./limit-network.ts";
import { mountPairing } from "./pairing.ts";

/** Signing in, out, and pairing (sync.md §2). */
export function mountAuth(app: OpenAPIHono<AppEnv>): void {
  mountSignIn(app);
  mountRevoke(app);
  mountRefresh(app);
  mountPairing(app);
}

const NonEmpty = z.string().min(1);

const SignInBody = z
  .object({
    publicKey: NonEmpty.openapi({ description: "Ed25519, 32 bytes in base64" }),
    challenge: NonEmpty.openapi({ description: "Any bytes, in base64" }),
    signature: NonEmpty.openapi({ description: "Of the challenge, 64 bytes in base64" }),
  })
  .openapi("SyncSignIn");

const signInRoute = createRoute({
  operationId: "sync.signIn",
  method: "post",
  path: "/v1/auth",
  tags: ["sync"],
  summary: "Sign in with a key; the first time this creates its account",
  description:
    "The client chooses the challenge, so whoever gets hold of one request can sign in with it again.",
  middleware: [
    limitNetwork({
      name: "sync-sign-in",
      quota: SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS,
      windowMs: 60_000,
    }),
  ],
  request: {
    body: jsonBody(SignInBody, {
      publicKey: "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
      challenge: "r4I=",
      signature:
        "YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg==",
    }),
  },
  responses: {
    200: jsonAnswer("Signed in", z.object({ success: z.literal(true), token: z.string() })),
    ...CREATE_FAILURES,
  },
});

/** `POST /v1/auth` (sync.md §2.1) */
function mountSignIn(app: OpenAPIHono<AppEnv>): void {
  app.openapi(signInRoute, async (c) => {
    const publicKey = await signerOf(c.req.valid("json"));
    if (publicKey === null) {
      return refuse(c, { code: "unauthorized", detail: "Invalid signature" });
    }
    // Only now, or others could use up the limit of a key.
    const limit = { name: "sync-sign-in-key", perMinute: SYNC_SIGN_INS_PER_MINUTE_PER_KEY };
    const refused = await refuseTooMany(c, limit, publicKey);
    if (refused !== null) return refused;
    const { accounts, tokens } = portsOf(c.env);
    const now = systemClock();
    const token = await tokens.create(await accounts.ofKey(publicKey, now), now);
    return c.json({ success: true as const, token }, 200);
  });
}

const revokeRoute = createRoute({
  operationId: "sync.revoke",
  method: "post",
  path: "/v1/auth/revoke",
  tags: ["sync"],
  summary: "Revoke all tokens of the account, and close its connections",
  security: [{ account: [] }],
  // By network: whoever has a stolen token must not be able to use up the owner's way to revoke it.
  middleware: [
    limitNetwork({
      name: "sync-revoke",
      quota: SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS,
      windowMs: 60_000,
    }),
    requireAuth,
  ],
  responses: {
    200: jsonAnswer("Revoked", Success),
    ...failures("unauthorized"),
  },
});

/** `POST /v1/auth/revoke` (sync.md §0b.7) */
function mountRevoke(app: OpenAPIHono<AppEnv>): void {
  app.openapi(revokeRoute, async (c) => {
    const { accounts, hubs, tokens } = portsOf(c.env);
    const caller = callerOf(c.get("principal"));
    const { account } = caller;
    const raised = await accounts.raiseEpoch(caller, systemClock());
    // Also for a token that was revoked before: that request may have failed before it had told the hub.
    const epoch = raised ?? (await accounts.byId(account))?.epoch;
    if (epoch !== undefined) {
      await hubs.call({ account, epoch }, SYNC_COMMANDS.verify, {});
      tokens.invalidateAccount(account);
    }
    return raised === null ? refuse(c, UNAUTHORIZED) : c.json({ success: true as const }, 200);
  });
}

const refreshRoute = createRoute({
  operationId: "sync.refresh",
  method: "post",
  path: "/v1/auth/refresh",
  tags: ["sync"],
  summary: "Exchange a token for a newer one, up to 7 days after it has expired",
  security: [{ account: [] }],
  responses: {
    200: jsonAnswer(
      "The new token; the old one stays as valid as it was",
      z.object({
        success: z.literal(true),
        token: z.string(),
        expiresIn: z.number().int().nullable().openapi({ description: "Seconds; null: never" }),
      }),
    ),
    ...failures("unauthorized"),
  },
});

/** Why a token cannot be exchanged, as clients are told. */
function notRefreshed(why: "INVALID" | "EXPIRED" | "REVOKED"): Failure {
  return { ...UNAUTHORIZED, members: { success: false, code: `TOKEN_${why}` } };
}

/** `POST /v1/auth/refresh` (sync.md §2.2) */
function mountRefresh(app: OpenAPIHono<AppEnv>): void {
  app.openapi(refreshRoute, async (c) => {
    const { accounts, tokens, tokenTtlSeconds } = portsOf(c.env);
    const now = systemClock();
    const old = bearerToken(c.req.header("Authorization")) ?? "";
    const owner = await tokens.verifyForRefresh(old, now);
    if (!owner.ok) {
      return refuse(c, notRefreshed(owner.error === "expired" ? "EXPIRED" : "INVALID"));
    }
    const { exp: _, ...identity } = owner.value;
    const { account, epoch } = identity;
    const refused = await refuseTooMany(c, SYNC_REQUESTS, countedAs({ sub: account, epoch }));
    if (refused !== null) return refused;
    const present = await accounts.byId(identity.account);
    if (present?.epoch !== identity.epoch) return refuse(c, notRefreshed("REVOKED"));
    const token = await tokens.create(identity, now);
    return c.json({ success: true as const, token, expiresIn: tokenTtlSeconds }, 200);
  });
}
