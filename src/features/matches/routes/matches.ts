import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import { MATCHES_PAGE_DEFAULT, MATCHES_PAGE_MAX } from "../../../protocol/limits.ts";
import { FaceitId, Match } from "../../../protocol/match.ts";
import { renderFailure } from "../errors.ts";
import { getMatch, listMatches, type MatchesPage as Page } from "../read-matches.ts";
import { readPortsOf } from "../wire.ts";

/** When and which the last match of the page before was. Opaque to clients. */
const Cursor = z.string().regex(/^\d{1,15}\.[\w-]{1,64}$/, "take it from nextCursor");

const Query = z.object({
  guildId: DiscordId.optional(),
  state: z.enum(["live", "ended"]).default("live"),
  cursor: Cursor.optional().openapi({ description: "`nextCursor` of the page before" }),
  limit: pageLimit(MATCHES_PAGE_MAX, MATCHES_PAGE_DEFAULT),
});

const MatchesPage = z
  .object({ matches: z.array(Match), nextCursor: z.string().nullable() })
  .openapi("MatchesPage");

const listRoute = createRoute({
  operationId: "matches.list",
  method: "get",
  path: "/matches",
  tags: ["matches"],
  summary: "The FACEIT matches of a guild, newest first",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { query: Query },
  responses: {
    200: { description: "One page", content: { "application/json": { schema: MatchesPage } } },
    ...problems("invalid_request", "unauthorized", "forbidden_guild", "rate_limited"),
  },
});

/** The matches of a guild: list them, look at one. */
export function mountMatches(app: OpenAPIHono<AppEnv>): void {
  mountListMatches(app);
  mountGetMatch(app);
}

/** `GET /matches` */
function mountListMatches(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const { guildId, state, cursor, limit } = c.req.valid("query");
    const query = { state, before: positionOf(cursor), limit };
    const page = await listMatches(readPortsOf(c.env), c.get("principal"), guildId, query);
    if (!page.ok) return renderFailure(c, page.error);
    const { matches, next } = page.value;
    return c.json(
      { matches: [...matches], nextCursor: next === null ? null : cursorOf(next) },
      200,
    );
  });
}

function cursorOf({ createdAt, matchId }: NonNullable<Page["next"]>): string {
  return `${createdAt}.${matchId}`;
}

function positionOf(cursor: string | undefined): Page["next"] {
  if (cursor === undefined) return null;
  const dot = cursor.indexOf(".");
  return { createdAt: Number(cursor.slice(0, dot)), matchId: cursor.slice(dot + 1) };
}

const getRoute = createRoute({
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
function mountGetMatch(app: OpenAPIHono<AppEnv>): void {
  app.openapi(getRoute, async (c) => {
    const { matchId } = c.req.valid("param");
    const { guildId } = c.req.valid("query");
    const match = await getMatch(readPortsOf(c.env), c.get("principal"), guildId, matchId);
    return match.ok ? c.json(match.value, 200) : renderFailure(c, match.error);
  });
}
