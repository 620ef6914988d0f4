import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problems } from "../../platform/http/problem.ts";
import { log } from "../../platform/log.ts";
import { jsonAnswer } from "../../platform/openapi.ts";
import { HubReport } from "../../protocol/hub-report.ts";
import { epochBegan } from "../../protocol/signed-events.ts";
import type { PublisherPosition } from "../core/journal.ts";
import { ADMIN_ROUTE, askHub, GuildParam, refuseGuild } from "./admin-access.ts";

const hubRoute = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub",
  operationId: "admin.hub",
  summary: "How a guild's hub does",
  request: { params: GuildParam },
  responses: {
    200: jsonAnswer("Its report", HubReport),
    ...problems("invalid_request", "unauthorized", "forbidden", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /admin/guilds/:id/hub` (hub.md, inspection). */
export function mountAdminHub(app: OpenAPIHono<AppEnv>): void {
  app.openapi(hubRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const state = await askHub(c, guildId, (hub) => hub.inspect());
    return c.json({ ...state, guildId }, 200);
  });
}

const PublisherReport = z
  .object({
    publisher: z
      .object({
        epoch: z.string().openapi({ description: "Of the process that published last" }),
        seq: z.number().int().openapi({ description: "Of its last event that was taken" }),
        since: z.iso.datetime().nullable().openapi({
          description: "When that process began; null: its epoch is no ULID and does not count",
        }),
      })
      .nullable()
      .openapi({ description: "null: nobody published yet, or it was reset" }),
  })
  .openapi("PublisherReport");

const common = { ...ADMIN_ROUTE, path: "/admin/guilds/{guildId}/publisher" } as const;
const refusals = problems(
  "invalid_request",
  "unauthorized",
  "forbidden",
  "forbidden_guild",
  "rate_limited",
);

const readRoute = createRoute({
  ...common,
  method: "get",
  operationId: "admin.publisher",
  summary: "Where the gateway-worker stands as the guild's publisher",
  request: { params: GuildParam },
  responses: { 200: jsonAnswer("Its epoch and seq", PublisherReport), ...refusals },
});

const resetRoute = createRoute({
  ...common,
  method: "delete",
  operationId: "admin.resetPublisher",
  summary: "Forget where the gateway-worker stands",
  description:
    "For a hub that answers a good gateway-worker `stale_publisher`, or takes its events for duplicates. The next publisher may be any: see that only one runs, reset, and restart it.",
  request: { params: GuildParam },
  responses: { 200: jsonAnswer("Where it stood before", PublisherReport), ...refusals },
});

function reportOf(position: PublisherPosition | null): z.infer<typeof PublisherReport> {
  if (position === null) return { publisher: null };
  const began = epochBegan(position.epoch);
  return {
    publisher: { ...position, since: began === null ? null : new Date(began).toISOString() },
  };
}

const renewRoute = createRoute({
  ...ADMIN_ROUTE,
  method: "delete",
  path: "/admin/guilds/{guildId}/hub/journal",
  operationId: "admin.renewJournal",
  summary: "Begin another journal",
  description:
    "For a hub whose storage was restored to an older point in time: the numbers of lost events must not be given to others. Every client reconnects and gets the whole state; who resumes from before gets a snapshot with the reason `unknown_epoch`.",
  request: { params: GuildParam },
  responses: {
    200: jsonAnswer("The epoch of the new journal", z.object({ epoch: z.string() })),
    ...refusals,
  },
});

/** `DELETE /admin/guilds/:id/hub/journal` (hub.md, scale-out). */
export function mountAdminJournal(app: OpenAPIHono<AppEnv>): void {
  app.openapi(renewRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const epoch = await askHub(c, guildId, (hub) => hub.renewJournal(), false);
    log("info", "admin.journal_renewed", { guildId, by: c.get("principal").sub, epoch });
    return c.json({ epoch }, 200);
  });
}

/** `GET` and `DELETE /admin/guilds/:id/publisher` (hub.md, publisher position). */
export function mountAdminPublisher(app: OpenAPIHono<AppEnv>): void {
  app.openapi(readRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    return c.json(reportOf(await askHub(c, guildId, (hub) => hub.publisher())), 200);
  });
  app.openapi(resetRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const before = await askHub(c, guildId, (hub) => hub.resetPublisher());
    log("info", "admin.publisher_reset", { guildId, by: c.get("principal").sub, before });
    return c.json(reportOf(before), 200);
  });
}
