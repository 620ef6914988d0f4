import type { Context } from "hono";
import { guildFor } from "../../platform/auth/principal.ts";
import { authenticateByToken } from "../../platform/auth/require-auth.ts";
import { clientNetwork } from "../../platform/client-network.ts";
import { systemClock } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { refuse } from "../../platform/http/areas.ts";
import { problem, type ProblemAnswer } from "../../platform/http/problem.ts";
import { log } from "../../platform/log.ts";
import { hubEnv, relayName } from "../env.ts";
import { guildConfigOf } from "../guild-config.ts";
import { GUILD_HUBS } from "../guild-kind.ts";
import {
  HANDOVER_HEADER,
  identityOf,
  writeHandover,
  type Handover,
  type NoIdentity,
} from "../handover.ts";
import { askPlacementAgain, placeOf } from "../placement-cache.ts";
import { openTicket } from "../ticket.ts";

/** The client of a request, and the object that serves it. No identity: the socket's first frame brings it. */
export type Entry = Pick<Handover, "hub" | "identity" | "address" | "ticket" | "relay">;

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
 * one guild; with a token, `guildId` in the query names it, and otherwise it is the primary one. Without both there
 * is no identity, and the guild is the primary one.
 */
export async function decideEntry(c: Context<AppEnv>): Promise<Entry | Response> {
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
  if (c.req.header("Authorization") === undefined) {
    const hub = config.primaryGuildId;
    // The user is not known yet, so any key will do.
    const place = await placeOf(GUILD_HUBS, hubEnv(c.env), hub, c.get("requestId"));
    return { hub, address: clientNetwork(c.req.header("CF-Connecting-IP")), ...place };
  }
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

/**
 * Hands a client over to its guild's hub.
 * @param success status of the hub's answer when it accepted the client
 * @returns the hub's answer, or the problem to answer with
 */
export async function callHub(
  c: Context<AppEnv>,
  path: string,
  handover: Handover,
  request: { readonly headers?: Readonly<Record<string, string>>; readonly success: number },
): Promise<Response> {
  const { hub: name, relay } = handover;
  const { HUB, RELAY } = hubEnv(c.env);
  const hub = relay === undefined ? HUB.getByName(name) : RELAY.getByName(relayName(name, relay));
  // A request of our own, so that nothing else of the client's request reaches the hub.
  const headers = { ...request.headers, [HANDOVER_HEADER]: writeHandover(handover) };
  try {
    const response = await hub.fetch(`https://hub${path}`, { headers });
    if (response.status === request.success) return response;
    if (response.status === 401) {
      return handover.ticket === undefined ? revokedToken(c) : badTicket(c);
    }
    if (response.status === 503) askPlacementAgain(GUILD_HUBS, name);
  } catch (error) {
    // The hub restarts or is overloaded. The client retries.
    log("warn", "hub.unreachable", { requestId: c.get("requestId"), error });
  }
  return hubUnavailable(c);
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
