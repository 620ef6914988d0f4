import { cutConnection } from "../../doubles/server.ts";
import { FAILURES } from "./failure.ts";
import type { Fault } from "./faults.ts";
import type { RestContext } from "./request.ts";
import { tooManyRequests } from "./too-many-requests.ts";

/**
 * What a call gets that meets a fault: as near as possible to what Discord sends with the status.
 * @param headers the rate limit headers of a used-up bucket, for a 429
 */
export function faultAnswer(
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
