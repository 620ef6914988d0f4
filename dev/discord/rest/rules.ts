import type { MiddlewareHandler } from "hono";
import { cutConnection } from "../../doubles/server.ts";
import type { Grants } from "../oauth2/grants.ts";
import type { CallLog } from "./call-log.ts";
import { FAILURES } from "./failure.ts";
import type { Fault, Faults } from "./faults.ts";
import type { RateLimits } from "./rate-limits.ts";
import { refuse, type RestBindings, type RestContext, type RestExchange } from "./request.ts";
import { majorId, pathInVersion, type RouteTable } from "./route-table.ts";
import { tooManyRequests } from "./too-many-requests.ts";

/**
 * What a call gets that meets a fault: as near as possible to what Discord sends with the status.
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
  if (status === 429) {
    const { scope, retryAfter } = fault;
    return tooManyRequests(c, { scope, retryAfter, headers });
  }
  if (status < 400) return new Response(null, { status });
  // What is in front of Discord does not speak JSON.
  if (status >= 502 && fault.code === null)
    return new Response(`error code: ${status}`, { status });
  return Response.json(faultBody(c, fault), { status });
}

/** As a proxy answers: about the address that asks, not about the bot. */
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

type Rule = MiddlewareHandler<RestBindings>;

/** Calls that carry no token: the gateway's address, and what an OAuth2 client asks by its secret. */
const WITHOUT_TOKEN: ReadonlySet<string | null> = new Set([
  "GET /gateway",
  "POST /oauth2/token",
  "POST /oauth2/token/revoke",
]);

/** Writes down every call with what it was answered. */
export function recordCalls(calls: CallLog): Rule {
  return async (c, next) => {
    await next();
    const status = c.env.incoming.socket.destroyed ? 0 : c.res.status;
    calls.add({ method: c.req.method, path: pathInVersion(c.req.path), status });
  };
}

/** Hands on every exchange as it went over the wire. Outermost: it sees what the other rules answer. */
export function recordExchanges(tell: (exchange: RestExchange) => void): Rule {
  return async (c, next) => {
    // Read here, or it would be gone by the time that the answer is known.
    const request = await c.req.text();
    await next();
    if (c.env.incoming.socket.destroyed) return;
    tell({
      method: c.req.method,
      path: pathInVersion(c.req.path),
      query: c.req.query(),
      headers: c.req.header(),
      request,
      status: c.res.status,
      answerHeaders: Object.fromEntries(c.res.headers),
      answer: await c.res.clone().text(),
      invented: c.get("invented") ?? false,
    });
  };
}

/** Discord's front door turns away callers that do not say who they are. */
export const checkClient: Rule = async (c, next) => {
  if ((c.req.header("user-agent") ?? "") !== "") return next();
  return c.text("error code: 1010", 403);
};

/** The outage of everything, and the faults that a test asked for. */
export function injectFaults(faults: Faults, limits: RateLimits, routes: RouteTable): Rule {
  return async (c, next) => {
    if (faults.outage) return c.text("upstream connect error", 503);
    const fault = faults.take(c.req.method, pathInVersion(c.req.path));
    if (fault === null) return next();
    if (fault.afterEffect) await next();
    const seconds = typeof fault.retryAfter === "number" ? fault.retryAfter : 1;
    const bucket = limits.exhausted(routes.nameOf(c.req) ?? "", seconds * 1_000);
    // Without this the headers of the lost answer would stay.
    c.res = undefined;
    c.res = faultAnswer(c, fault, bucket);
    c.set("invented", fault.html || fault.body !== undefined || fault.status < 400);
    return undefined;
  };
}

/** The bot by its token; a user by an OAuth2 token, for the one call that `identify` allows. */
export function authenticate(botToken: string, grants: Grants, routes: RouteTable): Rule {
  return async (c, next) => {
    const route = routes.nameOf(c.req);
    const authorization = c.req.header("authorization");
    const allowed =
      WITHOUT_TOKEN.has(route) ||
      authorization === `Bot ${botToken}` ||
      (route === "GET /users/:userId" && grants.userOf(authorization) !== null);
    return allowed ? next() : refuse(c, FAILURES.unauthorized);
  };
}

/** The limits of the bot; what others call is not counted. */
export function limit(botToken: string, limits: RateLimits, routes: RouteTable): Rule {
  return async (c, next) => {
    const route = routes.nameOf(c.req);
    if (route === null || c.req.header("authorization") !== `Bot ${botToken}`) return next();
    const verdict = limits.take(route, majorId(c.req.path));
    if (verdict.limited === false) {
      await next();
      for (const [name, value] of Object.entries(verdict.headers)) c.header(name, value);
      return undefined;
    }
    const { limited: scope, retryAfterMs, headers } = verdict;
    return tooManyRequests(c, { scope, retryAfter: retryAfterMs / 1_000, headers });
  };
}
