import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { FaultStatus, Milliseconds } from "../doubles/control.ts";
import type { CallFaults } from "../doubles/faults.ts";
import { cutConnection } from "../doubles/server.ts";
import type { MatchRecord, PlayerRecord, SideRecord, Status } from "./model.ts";
import type { Sleep } from "./webhook-sender.ts";
import type { World } from "./world.ts";

type Route = { Bindings: HttpBindings };

/** A fault of the next calls of the Data API. Status 200 does not change the answer. */
export const DataApiFault = z.strictObject({
  status: FaultStatus,
  /** Delay before the answer. */
  delayMs: Milliseconds.default(0),
  /** Seconds, in the header `Retry-After`; absent: none. */
  retryAfter: z.number().min(0).max(86_400).optional(),
});
export type DataApiFault = z.output<typeof DataApiFault>;

interface DataApiPorts {
  readonly world: World;
  /** The only API key that is accepted. */
  readonly apiKey: string;
  readonly faults: CallFaults<DataApiFault>;
  readonly sleep: Sleep;
}

const GAME = "cs2";
const REGION = "EU";

/**
 * In these statuses FACEIT does not report the teams yet. SCHEDULED is not one of them: a match of a championship
 * knows its teams days ahead, and such a match must not get its channels too early (§A4).
 */
const WITHOUT_TEAMS: ReadonlySet<Status> = new Set(["CREATED", "CHECK_IN"]);

/** FACEIT's own codes and messages. */
const ERRORS: Readonly<Record<number, { readonly code: string; readonly message: string }>> = {
  400: { code: "err_bad_request", message: "Bad request." },
  401: { code: "err_unauthorized", message: "Unauthorized." },
  403: { code: "err_forbidden", message: "Forbidden." },
  404: { code: "err_nf0", message: "The resource was not found." },
  429: { code: "err_too_many_requests", message: "Too many requests." },
};

/** The Data API v4, mounted at `/data/v4` (§A2). */
export function createDataApi({ world, apiKey, faults, sleep }: DataApiPorts): Hono<Route> {
  const api = new Hono<Route>();

  api.use(async (c, next) => {
    const fault = faults.take(c.req.method, c.req.path);
    if (fault !== null) {
      await sleep(fault.delayMs, c.req.raw.signal);
      if (fault.status === 0) return cutConnection(c);
      if (fault.retryAfter !== undefined) c.header("Retry-After", String(fault.retryAfter));
      if (fault.status !== 200) return failure(c, fault.status);
    }
    if (c.req.header("authorization") !== `Bearer ${apiKey}`) return failure(c, 401);
    await next();
  });

  api.get("/matches/:id", (c) => {
    const match = world.matches.get(c.req.param("id"));
    return match === undefined ? failure(c, 404) : c.json(matchDocument(match, world));
  });

  api.get("/players", (c) => {
    const nickname = c.req.query("nickname");
    if (nickname === undefined || nickname === "") return failure(c, 400);
    const player = [...world.players.values()].find((one) => one.nickname === nickname);
    const playsIt = ["cs2", undefined].includes(c.req.query("game"));
    return player === undefined || !playsIt ? failure(c, 404) : c.json(playerDocument(player));
  });

  api.get("/players/:id", (c) => {
    const player = world.players.get(c.req.param("id"));
    return player === undefined ? failure(c, 404) : c.json(playerDocument(player));
  });

  api.all("/*", (c) => failure(c, 404));
  return api;
}

function failure(c: Context, status: number): Response {
  const error = ERRORS[status] ?? { code: `err_${status}`, message: "Something went wrong." };
  const errors = [{ ...error, http_status: status, parameters: [] }];
  return c.newResponse(JSON.stringify({ errors }), {
    // Hono's type does not include every HTTP status.
    status: status as 500,
    headers: { "content-type": "application/json" },
  });
}

/** `GET /matches/{match_id}` of the Data API (§A2). Members about later events are absent. */
function matchDocument(match: MatchRecord, world: World): Readonly<Record<string, unknown>> {
  const { competition, sides, id } = match;
  const hasTeams = !WITHOUT_TEAMS.has(match.status);
  return {
    match_id: id,
    version: match.version,
    game: GAME,
    region: REGION,
    competition_id: competition.id,
    competition_type: competition.type,
    competition_name: competition.name,
    organizer_id: match.organizerId,
    teams: hasTeams
      ? { faction1: team(sides.faction1, world), faction2: team(sides.faction2, world) }
      : {},
    ...(match.vote === "none" ? {} : { voting: voting(match) }),
    calculate_elo: true,
    ...seconds("scheduled_at", match.scheduledAt),
    ...seconds("configured_at", match.configuredAt),
    ...seconds("started_at", match.startedAt),
    ...seconds("finished_at", match.finishedAt),
    ...(match.demoUrl === null ? {} : { demo_url: [match.demoUrl] }),
    chat_room_id: `match-${id}`,
    best_of: 1,
    ...(match.status === "FINISHED" ? results() : {}),
    status: match.status,
    faceit_url: `https://www.faceit.com/{lang}/${GAME}/room/${id}`,
  };
}

/** `GET /players/{player_id}` of the Data API. */
function playerDocument(player: PlayerRecord): Readonly<Record<string, unknown>> {
  return {
    player_id: player.id,
    nickname: player.nickname,
    avatar: "",
    country: "no",
    games: {
      [GAME]: {
        region: REGION,
        game_player_id: player.gamePlayerId,
        game_player_name: player.nickname,
        skill_level: player.skillLevel,
        faceit_elo: 800 + player.skillLevel * 150,
      },
    },
    memberships: [player.membership],
    steam_id_64: player.gamePlayerId,
    faceit_url: `https://www.faceit.com/{lang}/players/${encodeURIComponent(player.nickname)}`,
    verified: false,
  };
}

function team(side: SideRecord, world: World): unknown {
  return {
    faction_id: side.factionId,
    leader: side.players[0] ?? "",
    avatar: "",
    roster: world.playersOf(side).map((player) => ({
      player_id: player.id,
      nickname: player.nickname,
      avatar: "",
      membership: player.membership,
      game_player_id: player.gamePlayerId,
      game_player_name: player.nickname,
      game_skill_level: player.skillLevel,
      anticheat_required: true,
    })),
    substituted: side.substitutes.length > 0,
    name: side.name,
    type: "",
  };
}

function voting({ map, vote }: MatchRecord): unknown {
  const name = map.replace(/^de_/, "");
  const entity = {
    name: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    class_name: map,
    game_map_id: map,
    guid: map,
    image_lg: "",
    image_sm: "",
  };
  return {
    voted_entity_types: ["map"],
    map: { pick: vote === "closed" ? [map] : [], entities: [entity] },
  };
}

function results(): Readonly<Record<string, unknown>> {
  const result = { winner: "faction1", score: { faction1: 1, faction2: 0 } };
  return { results: result, detailed_results: [{ asc_score: false, ...result }] };
}

/** The Data API has Unix seconds; webhooks have ISO 8601 texts. */
function seconds(name: string, time: number | null): Readonly<Record<string, number>> {
  return time === null ? {} : { [name]: Math.floor(time / 1_000) };
}
