import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, problems } from "../../platform/http/problem.ts";
import { Explanation } from "../../protocol/hub-report.ts";
import { hubEnv } from "../env.ts";
import { sentenceFor } from "../explain-sentence.ts";
import { ADMIN_ROUTE, GuildParam, refuseGuild, type InspectionOf } from "./admin-access.ts";

const Query = z.object({
  connectionId: z.string().regex(/^[\w-]{1,64}$/, "a connection id has letters, digits, - and _"),
  seq: z
    .string()
    .regex(/^[1-9]\d{0,15}$/, "a seq is a whole number from 1 on")
    .transform(Number)
    .refine(Number.isSafeInteger, "a seq is a whole number from 1 on")
    .openapi({ type: "integer", minimum: 1 }),
});

const Explained = Explanation.extend({
  sentence: z.string().openapi({ description: "The same for a person" }),
}).openapi("Explanation");

const route = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub/explain",
  operationId: "admin.explain",
  summary: "Why a connection did or did not get an event",
  description: "`code` is one of a closed list. The event's payload is not shown.",
  request: { params: GuildParam, query: Query },
  responses: {
    200: { description: "Why", content: { "application/json": { schema: Explained } } },
    ...problems(
      "invalid_request",
      "unauthorized",
      "forbidden",
      "forbidden_guild",
      "connection_not_found",
      "rate_limited",
    ),
  },
});

/** `GET /admin/guilds/:id/hub/explain?connectionId=&seq=` (hub.md, inspection). */
export function mountAdminExplain(app: OpenAPIHono<AppEnv>, inspectionOf: InspectionOf): void {
  app.openapi(route, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const { connectionId, seq } = c.req.valid("query");
    const explanation = await inspectionOf(hubEnv(c.env)).explain(guildId, connectionId, seq);
    const sentence = sentenceFor(explanation);
    if (explanation.code === "unknown_connection") {
      return problem(c, "connection_not_found", sentence);
    }
    return c.json({ ...explanation, sentence }, 200);
  });
}
