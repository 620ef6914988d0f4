import { z } from "@hono/zod-openapi";
import type { Principal } from "../../platform/auth/principal.ts";
import { bearerToken } from "../../platform/auth/require-auth.ts";
import { systemClock } from "../../platform/clock.ts";
import type { CorsPolicy, Failure, HttpDialect } from "../../platform/http/app-env.ts";
import type { UserLimit } from "../../platform/http/limit-user.ts";
import { jsonAnswer } from "../../platform/openapi.ts";
import { rateLimitHeaders } from "../../platform/rate-limit.ts";
import { err, ok } from "../../platform/result.ts";
import { ERROR_CODES, type ErrorCode } from "../../protocol/error-codes.ts";
import {
  SYNC_BODY_MAX_BYTES,
  SYNC_LOG_BODY_MAX_BYTES,
  SYNC_OPEN_BODY_MAX_BYTES,
  SYNC_REQUESTS_PER_MINUTE,
} from "../../protocol/limits.ts";
import { TRACEPARENT_HEADER } from "../../protocol/trace.ts";
import type { Caller } from "./hub-commands.ts";
import { tokensOf } from "./wire.ts";

/** The limit of all requests of an account without a narrower one. */
export const SYNC_REQUESTS: UserLimit = {
  name: "sync-requests",
  perMinute: SYNC_REQUESTS_PER_MINUTE,
};

/** The failure of a request whose token is absent, invalid, expired or revoked: clients read only its status. */
export const UNAUTHORIZED: Failure = { code: "unauthorized", detail: "Unauthorized" };

/** The account of a principal. One without an epoch is no account's, so it counts as revoked. */
export function callerOf({ sub, epoch }: Pick<Principal, "sub" | "epoch">): Caller {
  return { account: sub, epoch: epoch ?? -1 };
}

/**
 * Pages of every origin may call: there are no cookies, so a page can do nothing without a token of its own
 * (sync.md §1).
 */
const ANY_ORIGIN: CorsPolicy = {
  allows: () => true,
  methods: ["GET", "POST", "PUT", "DELETE", "PATCH"],
  requestHeaders: [
    "Authorization",
    "Content-Type",
    "X-Requested-With",
    "X-Request-Id",
    "X-Client-Version",
    "X-Correlation-Id",
    "X-Happy-Client",
    TRACEPARENT_HEADER,
  ],
  exposedHeaders: ["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "ETag"],
};

/** Where clients send lines for the log of the server (sync.md §3.10). */
export const LOG_PATH = "/logs-combined-from-cli-and-mobile-for-simple-ai-debugging";

/** Paths that need no token. What they take is short. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/v1/version",
  "/v1/auth",
  "/v1/auth/request",
  "/v1/auth/account/request",
]);

/** How sync talks HTTP: as Happy's servers do, with `{"error": string}` for a failure (sync.md §1). */
export const SYNC_DIALECT: HttpDialect = {
  failure(c, { code, detail, headers, members }) {
    const { status } = ERROR_CODES[code];
    const id = status === 500 ? { requestId: c.get("requestId") } : {};
    return c.json({ ...members, error: detail, ...id }, status, {
      // RFC 9110 §15.5.2: a 401 must have this field.
      ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
      ...headers,
    });
  },
  unknownPath: (path) => `Not found: ${path}`,
  cors: () => ANY_ORIGIN,
  bodyLimit(path) {
    if (path === LOG_PATH) return SYNC_LOG_BODY_MAX_BYTES;
    return OPEN_PATHS.has(path) ? SYNC_OPEN_BODY_MAX_BYTES : SYNC_BODY_MAX_BYTES;
  },
  anyBodyIsJson: true,
  async authenticate(c) {
    const token = bearerToken(c.req.header("Authorization"));
    if (token === undefined) return err(UNAUTHORIZED);
    const owner = await tokensOf(c.env).verify(token, systemClock());
    if (!owner.ok) return err(UNAUTHORIZED);
    const { account, epoch, exp } = owner.value;
    return ok({ sub: account, epoch, exp, scopes: [] });
  },
  securityScheme: {
    account: {
      type: "http",
      scheme: "bearer",
      description: "Token of an account: from `POST /v1/auth`, or from a pairing",
    },
  },
  rateLimitHeaders,
};

/** What a failure looks like. */
const SyncError = z
  .object({ error: z.string().openapi({ example: "Unauthorized" }) })
  .openapi("SyncError");

/** Failures that every request may have: a bug, and a deployment without a required variable. */
const ANYWHERE = ["rate_limited", "internal", "unavailable"] as const;

/** Declares an operation's failures for its `createRoute`. Failures with the same status share an entry. */
export function failures(
  ...codes: readonly ErrorCode[]
): Record<number, ReturnType<typeof jsonAnswer<typeof SyncError>>> {
  const statuses = new Map<number, string>();
  for (const code of [...codes, ...ANYWHERE]) {
    const { status, title } = ERROR_CODES[code];
    const before = statuses.get(status);
    statuses.set(status, before === undefined ? title : `${before}; ${title}`);
  }
  return Object.fromEntries(
    [...statuses].map(([status, title]) => [status, jsonAnswer(title, SyncError)]),
  );
}
