import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

const JSON_TYPE = "application/json";

/**
 * A body is JSON whatever it is called: seed clients may say nothing about its type (rooms.md §1), and
 * without cookies there is no form to fear. A body that has no bytes has no type either: many clients
 * send `Content-Type` with every request, and nothing is not broken JSON.
 */
export const jsonBody = createMiddleware<AppEnv>((c, next) => {
  const { raw } = c.req;
  const isEmpty = raw.body === null || raw.headers.get("Content-Length") === "0";
  const type = raw.headers.get("Content-Type");
  if (isEmpty && type !== null) {
    const headers = new Headers(raw.headers);
    headers.delete("Content-Type");
    c.req.raw = new Request(raw, { headers, body: null });
  } else if (!isEmpty && type?.toLowerCase().startsWith(JSON_TYPE) !== true) {
    const headers = new Headers(raw.headers);
    headers.set("Content-Type", JSON_TYPE);
    c.req.raw = new Request(raw, { headers });
  }
  return next();
});
