import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { configOf } from "../../env.ts";
import { guildFor } from "../../platform/auth/principal.ts";
import { authenticate } from "../../platform/auth/require-auth.ts";
import { systemClock } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem } from "../../platform/http/problem.ts";
import { log } from "../../platform/log.ts";
import { resumePositionFrom } from "../core/resume.ts";
import { HANDOVER_HEADER, identityOf, writeHandover, type Handover } from "../handover.ts";
import { openTicket } from "../ticket.ts";

type Entry = Pick<Handover, "guildId" | "identity" | "ticket">;

/**
 * `GET /ws`: decides at the upgrade who comes in, and hands the socket to the guild's hub (rooms.md
 * §2). There is one way in; one that fails does not fall through to the next.
 */
export function mountStream(app: OpenAPIHono<AppEnv>): void {
  app.get("/ws", async (c) => {
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
      return problem(c, "upgrade_required", "Connect with a WebSocket client.", {
        headers: { Upgrade: "websocket" },
      });
    }
    const origin = c.req.header("Origin");
    if (origin !== undefined && !configOf(c.env).webOrigins.includes(origin)) {
      return problem(
        c,
        "forbidden_origin",
        "This page may not connect: its origin is not in WEB_ORIGIN.",
      );
    }
    const entry = await decideEntry(c, origin);
    return entry instanceof Response ? entry : handOver(c, entry);
  });
}

async function decideEntry(
  c: Context<AppEnv>,
  origin: string | undefined,
): Promise<Entry | Response> {
  const config = configOf(c.env);
  const ticketText = c.req.query("ticket");
  if (ticketText !== undefined) {
    const ticket = await openTicket(config, ticketText, systemClock());
    if (!ticket.ok) return badTicket(c);
    const { guildId, identity, id, expiresAt } = ticket.value;
    if (ticket.value.origin !== null && ticket.value.origin !== origin) return badTicket(c);
    return {
      guildId,
      identity: { ...identity, grants: [...identity.grants] },
      ticket: { id, expiresAt },
    };
  }
  if (c.req.header("Authorization") === undefined) return { guildId: config.primaryGuildId };
  const principal = await authenticate(c);
  if (!principal.ok) return principal.error;
  const guildId = guildFor(principal.value, undefined, config.primaryGuildId);
  if (guildId === undefined) {
    return problem(
      c,
      "forbidden_guild",
      "Your token does not name the primary guild. Get a ticket for yours.",
    );
  }
  const identity = identityOf(principal.value);
  if (!identity.ok) {
    return problem(
      c,
      "forbidden",
      "Your token carries too many scopes for one connection. Ask for fewer.",
    );
  }
  return { guildId, identity: { ...identity.value, grants: [...identity.value.grants] } };
}

async function handOver(c: Context<AppEnv>, entry: Entry): Promise<Response> {
  const { epoch, seq } = resumePositionFrom(new URL(c.req.url).searchParams);
  const handover: Handover = {
    v: 1,
    ...entry,
    batch: c.req.query("batch") === "1",
    ...(epoch === undefined ? {} : { epoch }),
    ...(seq === undefined ? {} : { seq: Number.isNaN(seq) ? null : seq }),
  };
  const hub = c.env.HUB.get(c.env.HUB.idFromName(entry.guildId));
  // A request of our own: nothing that the client sent reaches the hub but what stands in here.
  const headers = { Upgrade: "websocket", [HANDOVER_HEADER]: writeHandover(handover) };
  try {
    const response = await hub.fetch("https://hub/ws", { headers });
    if (response.status === 101) return response;
    if (response.status === 401) return badTicket(c);
  } catch (error) {
    // It restarts or is overloaded: the client comes back, which is what it does anyway.
    log("warn", "hub.unreachable", { requestId: c.get("requestId"), error });
  }
  return problem(
    c,
    "unavailable",
    "This guild's hub takes no more connections now. Try again shortly.",
    {
      headers: { "Retry-After": "5" },
    },
  );
}

function badTicket(c: Context<AppEnv>): Response {
  return problem(
    c,
    "unauthorized",
    "The ticket is used, expired or not for this page. Get a new one from POST /ws/ticket.",
  );
}
