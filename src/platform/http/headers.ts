import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { cors } from "hono/cors";
import { configOf } from "../../env.ts";
import { log } from "../log.ts";
import type { AppEnv } from "./app-env.ts";

/** Gives each request an id of ours, and writes one line about it when it is answered. */
export const requestLog = createMiddleware<AppEnv>(async (c, next) => {
  const requestId = crypto.randomUUID();
  c.set("requestId", requestId);
  const startedAt = Date.now();
  await next();
  if (c.res.status !== 101) c.header("X-Request-Id", requestId);
  // The path without its query: a ticket may stand in there.
  const { method, path } = c.req;
  log("info", "http.request", {
    requestId,
    method,
    path,
    status: c.res.status,
    ms: Date.now() - startedAt,
  });
});

const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

/** Headers of every answer but an upgrade: nothing is sniffed, framed or leaked by a referrer. */
export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.res.status === 101) return;
  c.header("X-Content-Type-Options", "nosniff");
  c.header("X-Frame-Options", "DENY");
  c.header("Referrer-Policy", "no-referrer");
  c.header("Cross-Origin-Opener-Policy", "same-origin");
  // What sets its own is a page or a file of it.
  if (!c.res.headers.has("Content-Security-Policy")) c.header("Content-Security-Policy", NO_PAGE);
  if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", "no-store");
  if (new URL(c.req.url).protocol === "https:") {
    c.header("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  }
});

/** CORS for the origins in `WEB_ORIGIN`, and no other (rooms.md §1). */
export const allowedOrigins = createMiddleware<AppEnv>((c, next) =>
  cors({
    origin: (origin) => (originsOf(c).includes(origin) ? origin : null),
    allowMethods: ["GET", "POST", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type", "X-Idempotency-Key", "Idempotency-Key"],
    exposeHeaders: ["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"],
    maxAge: 600,
  })(c, next),
);

/** /health says that the Worker runs, configured or not; everything else names what is missing. */
function originsOf(c: Context<AppEnv>): readonly string[] {
  try {
    return configOf(c.env).webOrigins;
  } catch (error) {
    if (c.req.path === "/health") return [];
    throw error;
  }
}
