import type { Context, HonoRequest } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import { takeToken } from "../rate-limit.ts";
import type { AppEnv, Failure, HttpArea } from "./app-env.ts";
import { problem, type ProblemAnswer } from "./problem.ts";

/** `owns` of an area with these paths and all paths below them. */
export function pathsBelow(...tops: readonly string[]): HttpArea["owns"] {
  return (path) => tops.some((top) => path === top || path.startsWith(`${top}/`));
}

/** The area that owns this path. @param house owns every path that belongs to no area */
export function ownerOf(areas: readonly HttpArea[], house: HttpArea, path: string): HttpArea {
  return areas.find((area) => area.owns(path)) ?? house;
}

/**
 * The path by which a request finds its route.
 * @param path as it was sent. Several slashes at its start are one for areas that say so
 */
export function routedPath(areas: readonly HttpArea[], path: string): string {
  if (!path.startsWith("//")) return path;
  const joined = path.replace(/^\/+/, "/");
  return areas.find((area) => area.owns(joined))?.joinsLeadingSlashes === true ? joined : path;
}

/** Sets the area that owns the path of a request. */
export const inItsArea = (areas: readonly HttpArea[], house: HttpArea) =>
  createMiddleware<AppEnv>((c, next) => {
    c.set("area", ownerOf(areas, house, c.req.path));
    return next();
  });

/**
 * Answers with a failure, in the dialect of the path's area. As with `problem`, every handler may return it,
 * whatever the type of its success.
 */
export function refuse(c: Context<AppEnv>, failure: Failure): ProblemAnswer {
  return c.get("area").failure(c, failure) as ProblemAnswer;
}

/**
 * A client that disconnects cancels its request: in workerd nothing after the next await runs, not even
 * `finally`. A request that may change something therefore runs under `waitUntil`, which lets it finish: no
 * change stays half done, no idempotency key stays in flight, and no room stays `creating`.
 */
export const finishAfterDisconnect = createMiddleware<AppEnv>(async (c, next) => {
  const work = next();
  c.executionCtx.waitUntil(work);
  return work;
});

/** Applies the CORS policy of the path's area. */
export const areaCors = createMiddleware<AppEnv>((c, next) => {
  const isPlain = c.req.header("Origin") === undefined && c.req.method !== "OPTIONS";
  // Without an `Origin`, no browser reads the CORS headers.
  const policy = isPlain ? null : c.get("area").cors(c.req.path);
  if (policy === null) return next();
  return cors({
    origin: (origin) => (policy.allows(origin, c.env) ? origin : null),
    allowMethods: [...policy.methods],
    allowHeaders: [...policy.requestHeaders],
    exposeHeaders: [...policy.exposedHeaders],
    maxAge: 600,
  })(c, next);
});

/** Counts a request by the limit of its whole area, if the area has one. */
export const areaRateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const area = c.get("area");
  const limit = area.rateLimit?.(c);
  if (limit === undefined) return next();
  const decision = await takeToken(c.env, limit);
  const headers = area.rateLimitHeaders([decision]);
  if (!decision.allowed) return refuse(c, rateLimited(headers));
  await next();
  if (c.res.status === 101) return undefined;
  for (const [field, value] of Object.entries(headers)) c.header(field, value);
  return undefined;
});

/** The failure of a request over a rate limit. @param headers the fields of the area that report its limits */
export function rateLimited(headers: Readonly<Record<string, string>>): Failure {
  const detail = "You sent too many requests. Wait for the time in Retry-After.";
  return { code: "rate_limited", detail, headers };
}

/** Limits the size of a body, and sets its type to JSON if the area reads every body as JSON. JSON has to be UTF-8. */
export const areaBody = createMiddleware<AppEnv>((c, next) => {
  const { bodyLimit: limitOf, anyBodyIsJson } = c.get("area");
  const maxSize = limitOf(c.req.path);
  if (maxSize === null) return next();
  if (anyBodyIsJson) asJson(c);
  readStrictly(c.req);
  const detail = `A body may have ${maxSize} bytes. Send less.`;
  const onError = (): Response => refuse(c, { code: "body_too_large", detail });
  return bodyLimit({ maxSize, onError })(c, next);
});

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Has text and JSON read as UTF-8, and refused if it is not: the platform would replace what it cannot read, so that
 * something else would be stored than was sent (RFC 8259 §8.1). Nothing is read before somebody asks, because the
 * sender may have no token.
 */
function readStrictly(request: HonoRequest): void {
  let text: Promise<string> | undefined;
  request.text = () => (text ??= request.raw.arrayBuffer().then((bytes) => UTF8.decode(bytes)));
  request.json = async () => JSON.parse(await request.text());
}

/** Limits the body of a route that reads it raw, when its area sets no limit. @param what names it in the error */
export const limitRawBody = (maxSize: number, what: string) =>
  bodyLimit({
    maxSize,
    onError: (c) => problem(c, "body_too_large", `${what} may have ${maxSize} bytes.`),
  });

const JSON_TYPE = "application/json";

/**
 * Sets the type of every body to JSON: seed clients may omit it (rooms.md §1), and without cookies a form of
 * another site can do no harm. The validator reads only a body with exactly this type, so it also replaces
 * `application/json ;charset=UTF-8` (RFC 9110 §5.6.6), a repeated field and a misspelt one. The type of an empty
 * body is removed: many clients send `Content-Type` with every request, and an empty body is not broken JSON.
 */
function asJson(c: Context<AppEnv>): void {
  const { raw } = c.req;
  const isEmpty = raw.body === null || raw.headers.get("Content-Length") === "0";
  const type = raw.headers.get("Content-Type");
  if (isEmpty ? type === null : type === JSON_TYPE) return;
  const headers = new Headers(raw.headers);
  if (isEmpty) headers.delete("Content-Type");
  else headers.set("Content-Type", JSON_TYPE);
  c.req.raw = new Request(raw, isEmpty ? { headers, body: null } : { headers });
}
