import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import { takeToken } from "../rate-limit.ts";
import type { AppEnv, Failure, HttpArea } from "./app-env.ts";
import { problem, type ProblemAnswer } from "./problem.ts";

/** `owns` of an area whose paths are these and whatever is below them. */
export function pathsBelow(...tops: readonly string[]): HttpArea["owns"] {
  return (path) => tops.some((top) => path === top || path.startsWith(`${top}/`));
}

/** Whose path this is. @param house owns what no area does */
export function ownerOf(areas: readonly HttpArea[], house: HttpArea, path: string): HttpArea {
  return areas.find((area) => area.owns(path)) ?? house;
}

/** Finds whose path a request is for. */
export const inItsArea = (areas: readonly HttpArea[], house: HttpArea) =>
  createMiddleware<AppEnv>((c, next) => {
    c.set("area", ownerOf(areas, house, c.req.path));
    return next();
  });

/**
 * Answers with a failure, in the dialect of the path's area. As with `problem`, a handler may return it
 * whatever its success looks like.
 */
export function refuse(c: Context<AppEnv>, failure: Failure): ProblemAnswer {
  return c.get("area").failure(c, failure) as ProblemAnswer;
}

/**
 * A client that hangs up cancels its request: in workerd nothing after the next await runs, `finally`
 * included. So whatever may change something is worked on under `waitUntil`, which lets it come to its
 * end: no half of it stays undone, no idempotency key stays in flight, and no room stays `creating`.
 */
export const toItsEnd = createMiddleware<AppEnv>(async (c, next) => {
  const work = next();
  c.executionCtx.waitUntil(work);
  return work;
});

/** CORS as the path's area has it. */
export const areaCors = createMiddleware<AppEnv>((c, next) => {
  const isPlain = c.req.header("Origin") === undefined && c.req.method !== "OPTIONS";
  // No page asks: what CORS would say, nobody reads.
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

/** Counts a request by the limit of its whole area, if that has one. */
export const areaRateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const area = c.get("area");
  const limit = area.rateLimit?.(c);
  if (limit === undefined) return next();
  const decision = await takeToken(c.env, limit);
  const headers = area.rateLimitHeaders([decision]);
  if (!decision.allowed) return refuse(c, tooOften(headers));
  await next();
  if (c.res.status === 101) return undefined;
  for (const [field, value] of Object.entries(headers)) c.header(field, value);
  return undefined;
});

/** What somebody is told who asks too often. @param headers what the area says of its limits */
export function tooOften(headers: Readonly<Record<string, string>>): Failure {
  const detail = "You ask too often. Wait for the time in Retry-After.";
  return { code: "rate_limited", detail, headers };
}

/** Bounds a body, and calls it JSON where its area reads any body as that. */
export const areaBody = createMiddleware<AppEnv>((c, next) => {
  const { bodyLimit: limitOf, anyBodyIsJson } = c.get("area");
  const maxSize = limitOf(c.req.path);
  if (maxSize === null) return next();
  if (anyBodyIsJson) asJson(c);
  const detail = `A body may have ${maxSize} bytes. Send less.`;
  const onError = (): Response => refuse(c, { code: "body_too_large", detail });
  return bodyLimit({ maxSize, onError })(c, next);
});

/** Bounds the body of a route that reads it as it came: its area leaves that to it. @param what such a body is */
export const limitRawBody = (maxSize: number, what: string) =>
  bodyLimit({
    maxSize,
    onError: (c) => problem(c, "body_too_large", `${what} may have ${maxSize} bytes.`),
  });

const JSON_TYPE = "application/json";

/**
 * Calls a body JSON whatever it is called: seed clients may say nothing about its type (rooms.md §1), and
 * without cookies there is no form to fear. The validator reads only what has exactly this type, so it is
 * set anew: `application/json ;charset=UTF-8` (RFC 9110 §5.6.6), a doubled field and a misspelt one all
 * become it. A body that has no bytes has no type: many clients send `Content-Type` with every request,
 * and nothing is not broken JSON.
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
