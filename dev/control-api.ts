import type { Context, MiddlewareHandler } from "hono";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { isIP } from "node:net";
import type { z } from "zod";

const LOCAL_ORIGIN = /^http:\/\/(?:127\.0\.0\.1|localhost)(?::\d+)?$/;

/**
 * The start of a double's control API: only callers without an `Origin` and pages of this machine get
 * in. Routes are added to it; {@link endControlApi} comes last.
 */
export function beginControlApi(): Hono {
  const api = new Hono();
  api.use(
    refuseForeignNames,
    refuseForeignPages,
    cors({ origin: (origin) => (isLocal(origin) ? origin : null) }),
  );
  return api;
}

/** Says 404 to every other call. */
export function endControlApi(api: Hono): Hono {
  return api.all("/*", (c) =>
    c.json({ error: "there is no such control call; see README.md" }, 404),
  );
}

/**
 * A name on the internet that suddenly means this machine (DNS rebinding): its page reads what it likes,
 * since to the browser that is its own site. Addresses and names without a dot cannot be that.
 */
const refuseForeignNames: MiddlewareHandler = async (c, next) => {
  const { hostname } = new URL(c.req.url);
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  if (isAddress || !hostname.includes(".")) return next();
  return c.json({ error: "the control API has no such name" }, 403);
};

/** Another site's page must not steer this, even though it runs in the developer's browser. */
const refuseForeignPages: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header("origin");
  if (origin === undefined || isLocal(origin)) return next();
  return c.json({ error: "only pages of this machine may call the control API" }, 403);
};

function isLocal(origin: string): boolean {
  return LOCAL_ORIGIN.test(origin);
}

/** 400 with what is wrong. */
export function bad(c: Context, error: string): Response {
  return c.json({ error }, 400);
}

/** Does the work with the JSON body, or says 400 and what is wrong with it. */
export async function withBody<T>(
  c: Context,
  schema: z.ZodType<T>,
  work: (body: T) => Response | Promise<Response>,
): Promise<Response> {
  let json: unknown;
  try {
    json = await c.req.json();
  } catch {
    return bad(c, "the body is not JSON");
  }
  const body = schema.safeParse(json);
  if (body.success) return work(body.data);
  const problems = body.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  return bad(c, problems.join("; "));
}
