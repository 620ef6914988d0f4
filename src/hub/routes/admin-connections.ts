import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problems } from "../../platform/http/problem.ts";
import { HubConnection } from "../../protocol/hub-report.ts";
import { hubEnv } from "../env.ts";
import { ADMIN_ROUTE, GuildParam, refuseGuild, type InspectionOf } from "./admin-access.ts";

const route = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub/connections",
  operationId: "admin.connections",
  summary: "A user's connections to a guild's hub",
  request: { params: GuildParam, query: z.object({ sub: z.string().min(1).max(255) }) },
  responses: {
    200: {
      description: "The present ones, the oldest first",
      content: {
        "application/json": { schema: z.object({ connections: z.array(HubConnection) }) },
      },
    },
    ...problems("invalid_request", "unauthorized", "forbidden", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /admin/guilds/:id/hub/connections?sub=`: how a `connectionId` is found. */
export function mountAdminConnections(app: OpenAPIHono<AppEnv>, inspectionOf: InspectionOf): void {
  app.openapi(route, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const { sub } = c.req.valid("query");
    const connections = await inspectionOf(hubEnv(c.env)).connections(guildId, sub);
    return c.json({ connections: [...connections] }, 200);
  });
}
