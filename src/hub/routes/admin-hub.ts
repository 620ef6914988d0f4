import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problems } from "../../platform/http/problem.ts";
import { HubReport } from "../../protocol/hub-report.ts";
import { hubEnv } from "../env.ts";
import { ADMIN_ROUTE, GuildParam, refuseGuild, type InspectionOf } from "./admin-access.ts";

const route = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub",
  operationId: "admin.hub",
  summary: "How a guild's hub does",
  request: { params: GuildParam },
  responses: {
    200: { description: "Its report", content: { "application/json": { schema: HubReport } } },
    ...problems("invalid_request", "unauthorized", "forbidden", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /admin/guilds/:id/hub` (hub.md, inspection). */
export function mountAdminHub(app: OpenAPIHono<AppEnv>, inspectionOf: InspectionOf): void {
  app.openapi(route, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    return c.json(await inspectionOf(hubEnv(c.env)).report(guildId), 200);
  });
}
