import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { guildFor } from "../../platform/auth/principal.ts";
import { requireAuth } from "../../platform/auth/require-auth.ts";
import { systemClock } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { CONNECTIONS, refuseTooMany } from "../../platform/http/limit-user.ts";
import { problem, problems } from "../../platform/http/problem.ts";
import { ulidGenerator } from "../../platform/ids.ts";
import { metricsOf } from "../../platform/metrics.ts";
import { jsonAnswer } from "../../platform/openapi.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { resumePositionFrom } from "../core/resume.ts";
import { hubEnv } from "../env.ts";
import type { Area } from "../area.ts";
import { GUILD_DIALECT } from "../dialects/guild.ts";
import { acceptBare, optionsFrom } from "../edge/accept.ts";
import { guildConfigOf } from "../guild-config.ts";
import { GUILD_HUBS } from "../guild-kind.ts";
import { GUILD_KIND } from "../kinds.ts";
import { identityOf } from "../handover.ts";
import { placeOf } from "../placement-cache.ts";
import { sealTicket } from "../ticket.ts";
import {
  callHub,
  decideEntry,
  hubUnavailable,
  keepAliveIn,
  noSession,
  refuseOrigin,
} from "./entry.ts";

const newId = ulidGenerator();

const route = createRoute({
  method: "post",
  path: "/ws/ticket",
  operationId: "stream.createTicket",
  tags: ["stream"],
  summary: "Get a ticket for the guild's event stream",
  description:
    "A ticket works once, for 30 seconds, from the origin it was made from. Connect to `url` as it is; add `&epoch=&seq=` to resume and `&batch=1` for batched frames.",
  security: [{ bearer: [] }],
  middleware: [requireAuth],
  request: {
    body: {
      required: false,
      content: {
        "application/json": {
          schema: z.object({ guildId: DiscordId.optional() }),
          example: {},
        },
      },
    },
  },
  responses: {
    201: jsonAnswer(
      "The ticket",
      z.object({ ticket: z.string(), expiresAt: z.iso.datetime(), url: z.url() }),
    ),
    ...problems(
      "invalid_request",
      "invalid_json",
      "unauthorized",
      "forbidden",
      "forbidden_guild",
      "body_too_large",
      "rate_limited",
    ),
  },
});

/** `POST /ws/ticket` (rooms.md §1, §2). */
export function mountTicket(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const config = guildConfigOf(c.env);
    const principal = c.get("principal");
    const { guildId: asked } = c.req.valid("json") ?? {};
    const guildId = guildFor(principal, asked, config.primaryGuildId);
    if (guildId === undefined) {
      return problem(
        c,
        "forbidden_guild",
        "Your token does not name this guild. Sign in again after joining it.",
      );
    }
    const identity = identityOf(principal, systemClock());
    if (!identity.ok) return noSession(c, identity.error);
    const tooMany = await refuseTooMany(c, CONNECTIONS, principal.sub);
    if (tooMany !== null) return tooMany;
    const { relay } = await placeOf(GUILD_HUBS, hubEnv(c.env), guildId, principal.sub);
    const now = systemClock();
    const { text, expiresAt } = await sealTicket(
      config,
      {
        id: newId(now),
        hub: guildId,
        origin: c.req.header("Origin") ?? null,
        identity: identity.value,
        relay,
      },
      now,
    );
    metricsOf(c.env).count({
      area: "hub",
      name: "ticket",
      hub: { kind: GUILD_HUBS.name, name: guildId },
    });
    const url = new URL("/ws", c.req.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", text);
    return c.json(
      { ticket: text, expiresAt: new Date(expiresAt).toISOString(), url: url.href },
      201,
    );
  });
}

/**
 * `GET /ws`: authenticates at the upgrade and hands the socket over to the guild's hub. Without a ticket or a token
 * the client says by its first frame who it is (rooms.md §2). It may speak the dialect of another area.
 */
export function mountStream(app: OpenAPIHono<AppEnv>, areas: readonly Area[]): void {
  const offered = [
    { kind: GUILD_KIND, dialect: GUILD_DIALECT },
    ...areas.flatMap(({ bare = [] }) => bare),
  ] as const;
  app.get("/ws", async (c) => {
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
      return problem(c, "upgrade_required", "Connect with a WebSocket client.", {
        headers: { Upgrade: "websocket" },
      });
    }
    const refused = refuseOrigin(c);
    if (refused !== null) return refused;
    const entry = await decideEntry(c);
    if (entry instanceof Response) return entry;
    if (entry === null)
      return acceptBare(c.req.raw, hubEnv(c.env), keepAliveIn(c), offered) ?? hubUnavailable(c);
    // A ticket was counted when it was created.
    if (entry.ticket === undefined) {
      const tooMany = await refuseTooMany(c, CONNECTIONS, entry.identity.sub);
      if (tooMany !== null) return tooMany;
    }
    const { searchParams: query } = new URL(c.req.url);
    return callHub(c, { v: 1, ...entry, ...optionsFrom(query), ...resumePositionFrom(query) });
  });
}
