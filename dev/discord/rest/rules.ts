import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Grants } from "../../doubles/oauth2.ts";
import { cutConnection } from "../../doubles/server.ts";
import { FAILURES } from "./failure.ts";
import type { Fault, Faults } from "../faults.ts";
import type { RateLimits } from "./rate-limits.ts";
import { pathInVersion, refuse, type RestBindings, type RestContext } from "./request.ts";

/**
 * The answer to a call that gets a fault, as similar as possible to Discord's answer with that status.
 * @param headers the rate limit headers of a used-up bucket, for a 429
 */
function faultAnswer(
  c: RestContext,
  fault: Fault,
  headers: Readonly<Record<string, string>>,
): Response {
  const { status } = fault;
  if (status === 0) return cutConnection(c);
  if (fault.html) return page(fault);
  if (fault.body !== undefined) return Response.json(fault.body, { status });
  if (status === 429) return tooManyRequests(c, fault, headers);
  if (status < 400) return new Response(null, { status });
  // The proxy in front of Discord does not answer with JSON.
  if (status >= 502 && fault.code === null)
    return new Response(`error code: ${status}`, { status });
  return Response.json(faultBody(c, fault), { status });
}

/** A proxy's answer. It limits the caller's address, not the bot. */
function page({ status, retryAfter }: Fault): Response {
  const wait = status === 429 && retryAfter !== null ? { "Retry-After": String(retryAfter) } : {};
  const text = `<!DOCTYPE html><title>Error ${status}</title><h1>Error ${status}</h1>`;
  return new Response(text, { status, headers: { "Content-Type": "text/html", ...wait } });
}

function faultBody(c: RestContext, fault: Fault): { code: number; message: string } {
  const unknown = { code: fault.code ?? 0, message: `${fault.status}: Error` };
  const found = fault.code === null ? known(c, fault.status) : byCode(fault.code);
  const { code, message } = found ?? unknown;
  return { code, message: fault.message ?? message };
}

function byCode(code: number): { code: number; message: string } | undefined {
  return Object.values(FAILURES).find((failure) => failure.code === code);
}

function known(c: RestContext, status: number): { code: number; message: string } | null {
  if (status === 400) return { code: 50_035, message: "Invalid Form Body" };
  if (status === 401) return FAILURES.unauthorized;
  if (status === 403) return FAILURES.missingPermissions;
  if (status === 500) return { code: 0, message: "500: Internal Server Error" };
  if (status !== 404) return null;
  if (c.req.path.includes("/channels/")) return FAILURES.unknownChannel;
  return c.req.path.includes("/guilds/") ? FAILURES.unknownGuild : FAILURES.notFound;
}

/**
 * Answers 429 with the headers and the body that Discord sends for each scope.
 * @param bucket the headers of the bucket; not used for a global limit
 */
function tooManyRequests(
  c: RestContext,
  { scope, retryAfter }: Pick<Fault, "scope" | "retryAfter">,
  bucket: Readonly<Record<string, string>>,
): Response {
  const seconds = typeof retryAfter === "number" ? retryAfter : 1;
  // The header has whole seconds, the body the exact time.
  const wait = typeof retryAfter === "string" ? retryAfter : String(Math.ceil(seconds));
  const global = scope === "global";
  const message =
    scope === "shared" ? "The resource is being rate limited." : "You are being rate limited.";
  const headers = {
    ...(global ? { "X-RateLimit-Global": "true" } : bucket),
    "X-RateLimit-Scope": scope,
    ...(retryAfter === null ? {} : { "Retry-After": wait }),
  };
  return c.json({ message, retry_after: seconds, global }, 429, headers);
}

type Rule = MiddlewareHandler<RestBindings>;

/** Calls without a token: the gateway's address, and OAuth2 calls, which have the client's secret. */
const WITHOUT_TOKEN: ReadonlySet<string | null> = new Set([
  "GET /gateway",
  "POST /oauth2/token",
  "POST /oauth2/token/revoke",
]);

/** Method and pattern of the route that will answer; null: there is none. */
function routeOf(c: RestContext): string | null {
  const found = matchedRoutes(c).find(({ method }) => method === c.req.method);
  return found === undefined ? null : `${found.method} ${pathInVersion(found.path)}`;
}

/** The guild's or channel's id in a path: each has its own bucket. */
function majorId(path: string): string {
  return /\/(?:guilds|channels)\/([^/]+)/.exec(path)?.[1] ?? "";
}

/** Discord's proxy refuses callers without a `User-Agent`. */
export const checkClient: Rule = async (c, next) => {
  if ((c.req.header("user-agent") ?? "") !== "") return next();
  return c.text("error code: 1010", 403);
};

/** Applies the outage of everything, and the faults that a test has set. */
export function injectFaults(faults: Faults, limits: RateLimits): Rule {
  return async (c, next) => {
    if (faults.outage) return c.text("upstream connect error", 503);
    const fault = faults.take(c.req.method, pathInVersion(c.req.path));
    if (fault === null) return next();
    if (fault.afterEffect) await next();
    const seconds = typeof fault.retryAfter === "number" ? fault.retryAfter : 1;
    const bucket = limits.exhausted(routeOf(c) ?? "", seconds * 1_000);
    // Without this line Hono would keep the headers of the replaced answer.
    c.res = undefined;
    c.res = faultAnswer(c, fault, bucket);
    c.set("invented", fault.html || fault.body !== undefined || fault.status < 400);
    return undefined;
  };
}

/** Accepts the bot by its token, and a user by an OAuth2 token for the only call that `identify` allows. */
export function authenticate(botToken: string, grants: Grants): Rule {
  return async (c, next) => {
    const route = routeOf(c);
    const authorization = c.req.header("authorization");
    const allowed =
      WITHOUT_TOKEN.has(route) ||
      authorization === `Bot ${botToken}` ||
      (route === "GET /users/:userId" && grants.ofBearer(authorization) !== null);
    return allowed ? next() : refuse(c, FAILURES.unauthorized);
  };
}

/** Applies the bot's rate limits. Calls of others are not counted. */
export function limit(botToken: string, limits: RateLimits): Rule {
  return async (c, next) => {
    const route = routeOf(c);
    if (route === null || c.req.header("authorization") !== `Bot ${botToken}`) return next();
    const verdict = limits.take(route, majorId(c.req.path));
    if (verdict.limited === false) {
      await next();
      for (const [name, value] of Object.entries(verdict.headers)) c.header(name, value);
      return undefined;
    }
    const { limited: scope, retryAfterMs, headers } = verdict;
    return tooManyRequests(c, { scope, retryAfter: retryAfterMs / 1_000 }, headers);
  };
}
