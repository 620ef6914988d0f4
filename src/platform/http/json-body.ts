import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";

const JSON_TYPE = "application/json";

/**
 * Calls a body JSON whatever it is called: seed clients may say nothing about its type (rooms.md §1), and
 * without cookies there is no form to fear. The validator reads only what has exactly this type, so it is
 * set anew: `application/json ;charset=UTF-8` (RFC 9110 §5.6.6), a doubled field and a misspelt one all
 * become it. A body that has no bytes has no type: many clients send `Content-Type` with every request,
 * and nothing is not broken JSON.
 */
export function asJson(c: Context<AppEnv>): void {
  const { raw } = c.req;
  const isEmpty = raw.body === null || raw.headers.get("Content-Length") === "0";
  const type = raw.headers.get("Content-Type");
  if (isEmpty ? type === null : type === JSON_TYPE) return;
  const headers = new Headers(raw.headers);
  if (isEmpty) headers.delete("Content-Type");
  else headers.set("Content-Type", JSON_TYPE);
  c.req.raw = new Request(raw, isEmpty ? { headers, body: null } : { headers });
}
