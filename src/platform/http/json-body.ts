import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";
import { problem } from "./problem.ts";

/**
 * Lets a request pass whose body is declared as JSON, or that has none: what is not declared would
 * be read as an empty object, and a mistake would look like a success.
 */
export const jsonBody = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header("Content-Type");
  const isJson = type !== undefined && /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type);
  if (isJson || (type === undefined && c.req.raw.body === null)) return next();
  return problem(c, "unsupported_media_type", "Send JSON, with Content-Type: application/json.");
});
