import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, problems } from "../../platform/http/problem.ts";
import { log } from "../../platform/log.ts";
import { RevocationResult, RevocationTarget } from "../../protocol/hub-report.ts";
import { hubEnv } from "../env.ts";
import { ADMIN_ROUTE, GuildParam, refuseGuild, type InspectionOf } from "./admin-access.ts";

const route = createRoute({
  ...ADMIN_ROUTE,
  method: "post",
  path: "/admin/guilds/{guildId}/revocations",
  operationId: "admin.revoke",
  summary: "Close a user's connections, or one of them",
  description:
    "They close with 4401 within a second. A user's present tokens are refused by this hub for 24 hours; whoever still gets new ones comes back: take the access away at the identity provider first.",
  request: {
    params: GuildParam,
    body: {
      required: true,
      content: { "application/json": { schema: RevocationTarget, example: { sub: "mallory" } } },
    },
  },
  responses: {
    200: {
      description: "How many were closed; 0 when nobody was connected",
      content: { "application/json": { schema: RevocationResult } },
    },
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

/** `POST /admin/guilds/:id/revocations` (hub.md, authentication). */
export function mountAdminRevocations(app: OpenAPIHono<AppEnv>, inspectionOf: InspectionOf): void {
  app.openapi(route, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    // What has no type passes the validator unread, and nothing has no type.
    if (c.req.raw.body === null) {
      return problem(c, "invalid_json", 'Send {"sub":"…"} or {"connectionId":"…"}.');
    }
    const target = c.req.valid("json");
    const { closed } = await inspectionOf(hubEnv(c.env)).revoke(guildId, target);
    log("info", "admin.revoked", { guildId, by: c.get("principal").sub, target, closed });
    return c.json({ closed }, 200);
  });
}
