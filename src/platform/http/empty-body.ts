import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

/**
 * Takes the type of a body that has no bytes: many clients send `Content-Type` with every request,
 * and nothing is not broken JSON.
 */
export const emptyBody = createMiddleware<AppEnv>((c, next) => {
  const { raw } = c.req;
  const isEmpty = raw.body === null || raw.headers.get("Content-Length") === "0";
  if (isEmpty && raw.headers.has("Content-Type")) {
    const headers = new Headers(raw.headers);
    headers.delete("Content-Type");
    c.req.raw = new Request(raw, { headers, body: null });
  }
  return next();
});
