import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, problems } from "../../platform/http/problem.ts";
import { log } from "../../platform/log.ts";
import { jsonAnswer, jsonBody } from "../../platform/openapi.ts";
import {
  Explanation,
  HubConnection,
  RevocationResult,
  RevocationTarget,
} from "../../protocol/hub-report.ts";
import { sentenceFor } from "../explain-sentence.ts";
import { ADMIN_ROUTE, askHub, GuildParam, refuseGuild } from "./admin-access.ts";

const connectionsRoute = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub/connections",
  operationId: "admin.connections",
  summary: "A user's connections to a guild's hub",
  request: { params: GuildParam, query: z.object({ sub: z.string().min(1).max(255) }) },
  responses: {
    200: jsonAnswer(
      "The present ones, the oldest first",
      z.object({ connections: z.array(HubConnection) }),
    ),
    ...problems("invalid_request", "unauthorized", "forbidden", "forbidden_guild", "rate_limited"),
  },
});

/** Routes for the connections to a hub (hub.md, inspection): list a user's, explain one, close them. */
export function mountAdminConnections(app: OpenAPIHono<AppEnv>): void {
  mountConnections(app);
  mountExplain(app);
  mountRevocations(app);
}

/** `GET /admin/guilds/:id/hub/connections?sub=`: to find a `connectionId`. */
function mountConnections(app: OpenAPIHono<AppEnv>): void {
  app.openapi(connectionsRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const { sub } = c.req.valid("query");
    const connections = await askHub(c, guildId, (hub) => hub.connections(sub));
    return c.json({ connections: [...connections] }, 200);
  });
}

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

const explainRoute = createRoute({
  ...ADMIN_ROUTE,
  method: "get",
  path: "/admin/guilds/{guildId}/hub/explain",
  operationId: "admin.explain",
  summary: "Why a connection did or did not get an event",
  description: "`code` is one of a closed list. The event's payload is not shown.",
  request: { params: GuildParam, query: Query },
  responses: {
    200: jsonAnswer("Why", Explained),
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
function mountExplain(app: OpenAPIHono<AppEnv>): void {
  app.openapi(explainRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    const { connectionId, seq } = c.req.valid("query");
    const explanation = await askHub(c, guildId, (hub) => hub.explain(connectionId, seq));
    const sentence = sentenceFor(explanation);
    if (explanation.code === "unknown_connection") {
      return problem(c, "connection_not_found", sentence);
    }
    return c.json({ ...explanation, sentence }, 200);
  });
}

const revokeRoute = createRoute({
  ...ADMIN_ROUTE,
  method: "post",
  path: "/admin/guilds/{guildId}/revocations",
  operationId: "admin.revoke",
  summary: "Close a user's connections, or one of them",
  description:
    "They close with 4401 within a second. A user's present tokens are refused by this hub for 24 hours; whoever still gets new ones comes back: take the access away at the identity provider first.",
  request: {
    params: GuildParam,
    body: jsonBody(RevocationTarget, { sub: "mallory" }),
  },
  responses: {
    200: jsonAnswer("How many were closed; 0 when nobody was connected", RevocationResult),
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
function mountRevocations(app: OpenAPIHono<AppEnv>): void {
  app.openapi(revokeRoute, async (c) => {
    const { guildId } = c.req.valid("param");
    const refused = refuseGuild(c, guildId);
    if (refused !== null) return refused;
    // The validator skips a body without a `Content-Type`, and an empty body has none.
    if (c.req.raw.body === null) {
      return problem(c, "invalid_json", 'Send {"sub":"…"} or {"connectionId":"…"}.');
    }
    const target = c.req.valid("json");
    const { closed } = await askHub(c, guildId, (hub) => hub.revoke(target));
    log("info", "admin.revoked", { guildId, by: c.get("principal").sub, target, closed });
    return c.json({ closed }, 200);
  });
}
