import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { newTraceId, readTraceparent, TRACEPARENT_HEADER } from "../../protocol/trace.ts";
import { log } from "../log.ts";
import { metricsOf } from "../metrics.ts";
import { asRequest } from "../request-ids.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * Gives each request an id of ours and the trace it came with, or a new one, and writes one line
 * about it when it is answered. A trace may be anybody's: it is only written down and passed on.
 */
export const requestLog = createMiddleware<AppEnv>((c, next) => {
  const requestId = crypto.randomUUID();
  const traceId = readTraceparent(c.req.header(TRACEPARENT_HEADER)) ?? newTraceId();
  c.set("requestId", requestId);
  c.set("traceId", traceId);
  return asRequest({ requestId, traceId }, async () => {
    const startedAt = Date.now();
    await next();
    const { status } = c.res;
    const ms = Date.now() - startedAt;
    // The path without its query: a ticket may stand in there.
    const { method, path } = c.req;
    log("info", "http.request", { method, path, status, ms });
    metricsOf(c.env).count({ area: "http", name: routeOf(c), label: String(status), ms });
  });
});

/** Method and pattern of what answered: unlike paths and methods there are only so many of them. */
function routeOf(c: Context<AppEnv>): string {
  const pattern = routePath(c, -1);
  return pattern.endsWith("*") || pattern === "" ? "none" : `${c.req.method} ${pattern}`;
}

const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

/**
 * Headers of every answer but an upgrade: its id, and nothing is sniffed, framed or leaked by a
 * referrer; a cache keeps the answers to two origins apart.
 */
export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.res.status === 101) return;
  // On an answer that is there `c.header` makes a copy that can be written to: one is enough.
  c.header("X-Request-Id", c.get("requestId"));
  const { headers } = c.res;
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (headers.get("Vary")?.includes("Origin") !== true) headers.append("Vary", "Origin");
  // What sets its own is a page or a file of it.
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", NO_PAGE);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  if (new URL(c.req.url).protocol === "https:") {
    headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  }
});
