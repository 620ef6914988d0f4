import type { Context } from "hono";
import { guildFor } from "../../platform/auth/principal.ts";
import { authenticateByToken } from "../../platform/auth/require-auth.ts";
import { systemClock } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { refuse } from "../../platform/http/areas.ts";
import { problem, type ProblemAnswer } from "../../platform/http/problem.ts";
import type { SessionIdentity } from "../core/session.ts";
import { handOver } from "../edge/hand-over.ts";
import { hubEnv } from "../env.ts";
import { guildConfigOf } from "../guild-config.ts";
import { GUILD_HUBS } from "../guild-kind.ts";
import { identityOf, type Handover, type NoIdentity } from "../handover.ts";
import { placeOf } from "../placement-cache.ts";
import { openTicket } from "../ticket.ts";

/** The client of a request, and the object that serves it. */
export type Entry = Pick<Handover, "hub" | "ticket" | "relay"> & {
  readonly identity: SessionIdentity;
};

/** Refuses a page whose origin is not in `WEB_ORIGIN`. A client without `Origin` is no page (rooms.md §2). */
export function refuseOrigin(c: Context<AppEnv>): Response | null {
  const origin = c.req.header("Origin");
  if (origin === undefined || guildConfigOf(c.env).webOrigins.includes(origin)) return null;
  return problem(
    c,
    "forbidden_origin",
    "This page may not connect: its origin is not in WEB_ORIGIN.",
  );
}

/**
 * Authenticates a client by ticket or by token. A bad ticket does not fall through to the token. A ticket is for
 * one guild; with a token, `guildId` in the query names it, and otherwise it is the primary one.
 * @returns null: there is neither
 */
export async function decideEntry(c: Context<AppEnv>): Promise<Entry | Response | null> {
  const config = guildConfigOf(c.env);
  const ticketText = c.req.query("ticket");
  if (ticketText !== undefined) {
    const ticket = await openTicket(config, ticketText, systemClock());
    if (!ticket.ok) return badTicket(c);
    const { hub, identity, id, expiresAt, relay, origin } = ticket.value;
    if (origin !== null && origin !== originOf(c)) return badTicket(c);
    return {
      hub,
      identity,
      ticket: { id, expiresAt },
      ...(relay === undefined ? {} : { relay }),
    };
  }
  if (c.req.header("Authorization") === undefined) return null;
  const principal = await authenticateByToken(c);
  if (!principal.ok) return refuse(c, principal.error);
  const guildId = guildFor(principal.value, c.req.query("guildId"), config.primaryGuildId);
  if (guildId === undefined) {
    return problem(
      c,
      "forbidden_guild",
      "Your token does not name this guild. Ask for one of its guilds with ?guildId=.",
    );
  }
  const identity = identityOf(principal.value, systemClock());
  if (!identity.ok) return noSession(c, identity.error);
  const place = await placeOf(GUILD_HUBS, hubEnv(c.env), guildId, principal.value.sub);
  return { hub: guildId, identity: identity.value, ...place };
}

/** The answer to a user whose token is valid but allows no session. */
export function noSession(c: Context<AppEnv>, why: NoIdentity): ProblemAnswer {
  return why === "expired"
    ? problem(c, "unauthorized", "Your token has expired. Get a new one.")
    : problem(
        c,
        "forbidden",
        "Your token carries too many scopes for one connection. Ask for fewer.",
      );
}

/** Hands a client over to its guild's hub. @returns the hub's answer with the socket, or the problem to answer with */
export async function callHub(c: Context<AppEnv>, handover: Handover): Promise<Response> {
  const work = handOver(hubEnv(c.env), GUILD_HUBS, handover, c.req.raw.signal);
  keepAliveIn(c)(work);
  const taken = await work;
  if (taken.ok) return taken.value;
  if (taken.error === "unavailable") return hubUnavailable(c);
  if (taken.error === "forbidden") return problem(c, "forbidden_guild", "No guild has this id.");
  return handover.ticket === undefined ? revokedToken(c) : badTicket(c);
}

/** Keeps work of a request alive that its client's leaving would cancel. */
export function keepAliveIn(c: Context<AppEnv>): (work: Promise<unknown>) => void {
  return (work) => c.executionCtx.waitUntil(work);
}

/** The hub does not accept this client now, or has dropped it. */
export function hubUnavailable(c: Context<AppEnv>): Response {
  return problem(
    c,
    "unavailable",
    "This guild's hub takes no more connections now. Try again shortly.",
    { headers: { "Retry-After": "5" } },
  );
}

/**
 * Origin of the page that sent the request. Browsers omit `Origin` on a GET to the page's own origin. They then
 * send `Sec-Fetch-Site: same-origin`, which no script can set.
 */
function originOf(c: Context<AppEnv>): string | undefined {
  const origin = c.req.header("Origin");
  if (origin !== undefined) return origin;
  const isOwn = c.req.header("Sec-Fetch-Site") === "same-origin";
  return isOwn ? new URL(c.req.url).origin : undefined;
}

function badTicket(c: Context<AppEnv>): Response {
  return problem(
    c,
    "unauthorized",
    "The ticket is used, expired, revoked or not for this page. Get a new one from POST /ws/ticket.",
  );
}

/** The answer to a client that came with a token, not with a ticket, when its hub refuses it. */
function revokedToken(c: Context<AppEnv>): Response {
  return problem(
    c,
    "unauthorized",
    "Your token was revoked in this guild and is no longer accepted. Sign in again.",
    { headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } },
  );
}
