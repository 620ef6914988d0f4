import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { guildFor, type Principal } from "../../../platform/auth/principal.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problem, type ProblemAnswer, problems } from "../../../platform/http/problem.ts";
import { jsonAnswer } from "../../../platform/openapi.ts";
import { pageQuery, readPage } from "../../../platform/pagination.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { AskedGuild } from "../../../protocol/discord-id.ts";
import { MATCHES_PAGE_DEFAULT, MATCHES_PAGE_MAX } from "../../../protocol/limits.ts";
import { FaceitId, Match } from "../../../protocol/match.ts";
import type { MatchesQuery, MatchRecord, ReadPorts } from "../ports.ts";
import { readPortsOf } from "../wire.ts";

/** Time and id of the previous page's last match. Opaque to clients. */
const CURSOR = /^\d{1,15}\.[\w-]{1,64}$/;

const Query = z.object({
  guildId: AskedGuild,
  state: z.enum(["live", "ended"]).default("live"),
  ...pageQuery(CURSOR, MATCHES_PAGE_MAX, MATCHES_PAGE_DEFAULT),
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
    200: jsonAnswer("One page", MatchesPage),
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
    query: z.object({ guildId: AskedGuild }),
  },
  responses: {
    200: jsonAnswer("The match", Match),
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

/** One page of a guild's matches. `next` is null on the last page. */
type Page = {
  readonly matches: readonly Match[];
  readonly next: NonNullable<MatchesQuery["before"]> | null;
};

/** The matches of a guild, newest first. @param asked the guild; absent: the token's own */
async function listMatches(
  ports: ReadPorts,
  who: Principal,
  asked: string | undefined,
  query: Omit<MatchesQuery, "guildId">,
): Promise<Result<Page, MatchFailure>> {
  const guildId = guildFor(who, asked, ports.primaryGuildId);
  if (guildId === undefined) return err({ kind: "forbidden_guild" });
  const { rows, last } = await readPage(query.limit, (limit) =>
    ports.store.list({ ...query, guildId, limit }),
  );
  return ok({
    matches: await withVoice(ports, guildId, rows),
    next: last === null ? null : { createdAt: Date.parse(last.createdAt), matchId: last.matchId },
  });
}

/** One match of a guild. @param asked the guild; absent: the token's own */
async function getMatch(
  ports: ReadPorts,
  who: Principal,
  asked: string | undefined,
  matchId: string,
): Promise<Result<Match, MatchFailure>> {
  const guildId = guildFor(who, asked, ports.primaryGuildId);
  if (guildId === undefined) return err({ kind: "forbidden_guild" });
  const record = await ports.store.get(guildId, matchId);
  if (record === null) return err({ kind: "not_found" });
  const [match = record] = await withVoice(ports, guildId, [record]);
  return ok(match);
}

/** Adds to live matches who is in voice, which only the hub knows. */
async function withVoice(
  { hub }: ReadPorts,
  guildId: string,
  records: readonly MatchRecord[],
): Promise<readonly Match[]> {
  const live = records.filter(({ state }) => state === "live").map(({ matchId }) => matchId);
  if (live.length === 0) return records;
  const inVoice = await hub.inVoice(guildId, live);
  return records.map((record) => {
    const voice = inVoice.get(record.matchId);
    if (voice === undefined) return record;
    const { faction1, faction2 } = record.factions;
    return {
      ...record,
      factions: {
        faction1: { ...faction1, inVoice: [...voice.faction1] },
        faction2: { ...faction2, inVoice: [...voice.faction2] },
      },
    };
  });
}

/** Why reading matches failed. */
type MatchFailure =
  /** The guild has no such match. */
  { readonly kind: "not_found" } | { readonly kind: "forbidden_guild" };

/** The one place where failures of matches become problem documents. */
function renderFailure(c: Context<AppEnv>, { kind }: MatchFailure): ProblemAnswer {
  switch (kind) {
    case "not_found":
      return problem(c, "match_not_found", "This guild has no match with this id.");
    case "forbidden_guild":
      return problem(c, "forbidden_guild", "Your token's guilds claim does not list this guild.");
  }
}
