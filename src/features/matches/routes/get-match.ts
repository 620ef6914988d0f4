import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import { FaceitId, Match } from "../../../protocol/match.ts";
import { renderFailure } from "../errors.ts";
import { getMatch } from "../read-matches.ts";
import { readPortsOf } from "../wire.ts";

const route = createRoute({
  operationId: "matches.get",
  method: "get",
  path: "/matches/{matchId}",
  tags: ["matches"],
  summary: "One FACEIT match with both rosters and who is in voice",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: {
    params: z.object({ matchId: FaceitId }),
    query: z.object({ guildId: DiscordId.optional() }),
  },
  responses: {
    200: { description: "The match", content: { "application/json": { schema: Match } } },
    ...problems(
      "invalid_request",
      "unauthorized",
      "forbidden_guild",
      "match_not_found",
      "rate_limited",
    ),
  },
});

/** `GET /matches/:matchId` */
export function mountGetMatch(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const { matchId } = c.req.valid("param");
    const { guildId } = c.req.valid("query");
    const match = await getMatch(readPortsOf(c.env), c.get("principal"), guildId, matchId);
    return match.ok ? c.json(match.value, 200) : renderFailure(c, match.error);
  });
}
