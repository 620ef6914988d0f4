import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { z } from "zod";
import { isLocalOrigin } from "./this-machine.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** A time that a test asks for. */
export const Milliseconds = z.int().min(0).max(DAY_MS);

/** What a fault answers; 0 closes the connection without an answer. */
export const FaultStatus = z.union([z.literal(0), z.int().min(200).max(599)]).default(500);

/**
 * The start of a double's control API: only callers without an `Origin` and pages of this machine get
 * in (names on the internet are kept out by the double as a whole, `this-machine.ts`). Routes are added
 * to it; {@link endControlApi} comes last.
 */
export function beginControlApi(): Hono {
  const api = new Hono();
  api.use(
    refuseForeignPages,
    cors({ origin: (origin) => (isLocalOrigin(origin) ? origin : null) }),
  );
  return api;
}

/** Says 404 to every other call. */
export function endControlApi(api: Hono): Hono {
  return api.all("/*", (c) =>
    c.json({ error: "there is no such control call; see README.md" }, 404),
  );
}

/** Another site's page must not steer this, even though it runs in the developer's browser. */
const refuseForeignPages: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header("origin");
  if (origin === undefined || isLocalOrigin(origin)) return next();
  return c.json({ error: "only pages of this machine may call the control API" }, 403);
};

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
