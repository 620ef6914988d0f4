import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { newTraceId, readTraceparent, TRACEPARENT_HEADER } from "../../protocol/trace.ts";
import { log } from "../log.ts";
import { metricsOf } from "../metrics.ts";
import { asRequest } from "../request-ids.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * Gives each request our own id and the trace that the client sent, or a new trace, and logs one line when it is
 * answered. The client may send any trace id, so it is only logged and passed on.
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
    // Without the query, because it may contain a ticket.
    const { method, path } = c.req;
    log("info", "http.request", { method, path, status, ms });
    metricsOf(c.env).count({ area: "http", name: routeOf(c), label: String(status), ms });
  });
});

/** Method and pattern of the route that answered. There is a fixed number of them, unlike of paths. */
function routeOf(c: Context<AppEnv>): string {
  const pattern = routePath(c, -1);
  return pattern.endsWith("*") || pattern === "" ? "none" : `${c.req.method} ${pattern}`;
}

const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

/**
 * Headers of every answer except an upgrade: the request id, no sniffing, no framing, no referrer, and `Vary` so
 * that caches store the answers to different origins separately.
 */
export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.res.status === 101) return;
  const headers = withRequestId(c);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (headers.get("Vary")?.includes("Origin") !== true) headers.append("Vary", "Origin");
  // Pages and their files have set their own policy.
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", NO_PAGE);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  if (c.req.url.startsWith("https:")) {
    headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  }
});

/** Sets the request's id in its answer. @returns the headers of the answer, which can be changed */
function withRequestId(c: Context<AppEnv>): Headers {
  const id = c.get("requestId");
  try {
    c.res.headers.set("X-Request-Id", id);
  } catch {
    // The headers of an answer from elsewhere, such as a page's file, cannot be changed. This copies the answer.
    c.header("X-Request-Id", id);
  }
  return c.res.headers;
}
