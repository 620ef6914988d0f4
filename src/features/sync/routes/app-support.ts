import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { clientNetwork } from "../../../platform/client-network.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { rateLimited, refuse } from "../../../platform/http/areas.ts";
import { isKnownSecret } from "../../../platform/known-secret.ts";
import { log } from "../../../platform/log.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { takeToken } from "../../../platform/rate-limit.ts";
import { isLongerThan } from "../../../protocol/bytes.ts";
import {
  SYNC_LOG_MESSAGE_MAX_BYTES,
  SYNC_LOG_RAW_MAX_BYTES,
  SYNC_LOGS_PER_MINUTE,
} from "../../../protocol/limits.ts";
import { updateUrlFor } from "../app-version.ts";
import { syncConfigOf } from "../config.ts";
import { failures, LOG_PATH, UNAUTHORIZED } from "../http-dialect.ts";
import { ClientId } from "../records.ts";
import { Success } from "./in-account.ts";
import { FEW_PARTS, limitJson } from "./limit-json.ts";

const versionRoute = createRoute({
  operationId: "sync.version",
  method: "post",
  path: "/v1/version",
  tags: ["sync"],
  summary: "Whether an app is too old, and where its store has a newer one",
  request: {
    body: jsonBody(z.object({ platform: ClientId, version: z.string(), app_id: z.string() }), {
      platform: "ios",
      version: "1.4.0",
      app_id: "com.ex3ndr.happy",
    }),
  },
  responses: {
    200: jsonAnswer(
      "Where to update; null: it is new enough, or its platform is unknown",
      z.object({ updateUrl: z.string().nullable() }),
    ),
    ...failures("invalid_request", "invalid_json", "body_too_large"),
  },
});

/** Refuses unless the operator has switched the log on for this deployment, which is none of production. */
const whereLogged = createMiddleware<AppEnv>(async (c, next) => {
  const { isProduction, debugLog } = syncConfigOf(c.env);
  if (isProduction || !debugLog.isOn) {
    return refuse(c, { code: "forbidden", detail: "Debug logging is disabled" });
  }
  const given = c.req.header("X-Dev-Logging-Token") ?? "";
  const { token } = debugLog;
  if (token !== undefined && !(await isKnownSecret(given, [token]))) return refuse(c, UNAUTHORIZED);
  return next();
});

const logRoute = createRoute({
  operationId: "sync.debugLog",
  method: "post",
  path: LOG_PATH,
  tags: ["sync"],
  summary: "Write a line of a client into the server's log",
  description:
    "Only where `DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING` switches it on, and never in production.",
  middleware: [whereLogged, limitJson(FEW_PARTS)],
  request: {
    body: jsonBody(
      z.object({
        timestamp: z.string(),
        level: z.string(),
        message: z.string(),
        messageRawObject: z.unknown().optional(),
        source: z.enum(["mobile", "cli"]),
        platform: z.string().optional(),
      }),
      { timestamp: "2026-01-01T00:00:00.000Z", level: "debug", message: "Started", source: "cli" },
    ),
  },
  responses: {
    200: jsonAnswer("It is written", Success),
    ...failures("invalid_request", "invalid_json", "unauthorized", "forbidden", "body_too_large"),
  },
});

/** What Happy's apps ask of their server without an account (sync.md §3.10). */
export function mountAppSupport(app: OpenAPIHono<AppEnv>): void {
  // It reads nothing, so counting requests would cost more than answering them.
  app.openapi(versionRoute, (c) => {
    const { platform, version } = c.req.valid("json");
    const { storeVersions } = syncConfigOf(c.env);
    return c.json({ updateUrl: updateUrlFor(storeVersions, platform, version) }, 200);
  });

  app.openapi(logRoute, async (c) => {
    const { source, platform, level, timestamp, message, messageRawObject } = c.req.valid("json");
    const raw = messageRawObject === undefined ? "" : JSON.stringify(messageRawObject);
    if (
      isLongerThan(message, SYNC_LOG_MESSAGE_MAX_BYTES) ||
      isLongerThan(raw, SYNC_LOG_RAW_MAX_BYTES)
    ) {
      return refuse(c, { code: "body_too_large", detail: "A message is too long. Send less." });
    }
    const decision = await takeToken(c.env, {
      name: "sync-debug-log",
      key: `${source} ${clientNetwork(c.req.header("CF-Connecting-IP"))}`,
      quota: SYNC_LOGS_PER_MINUTE,
      windowMs: 60_000,
    });
    if (!decision.allowed) {
      return refuse(c, rateLimited(c.get("area").rateLimitHeaders([decision])));
    }
    const about = { source, platform, clientLevel: level, clientTime: timestamp };
    log("debug", "sync.client_log", { ...about, message, raw: messageRawObject });
    return c.json({ success: true } as const, 200);
  });
}
