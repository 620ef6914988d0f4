import type { MatchRecord, PlayerRecord, SideRecord, Status } from "./model.ts";
import type { World } from "./world.ts";

const GAME = "cs2";
const REGION = "EU";

/** Teams are put together only after it: until then FACEIT says nothing of who plays. */
const WITHOUT_TEAMS: ReadonlySet<Status> = new Set(["CREATED", "CHECK_IN"]);

/** `GET /matches/{match_id}` of the Data API (§A2). What has not happened yet is absent. */
export function matchDocument(match: MatchRecord, world: World): Readonly<Record<string, unknown>> {
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
export function playerDocument(player: PlayerRecord): Readonly<Record<string, unknown>> {
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

/** The players of a side, as far as their accounts are still there. */
export function playersOf(side: SideRecord, world: World): PlayerRecord[] {
  return side.players.flatMap((id) => world.players.get(id) ?? []);
}

function team(side: SideRecord, world: World): unknown {
  return {
    faction_id: side.factionId,
    leader: side.players[0] ?? "",
    avatar: "",
    roster: playersOf(side, world).map((player) => ({
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

/** Unix seconds here; webhooks have texts. */
function seconds(name: string, time: number | null): Readonly<Record<string, number>> {
  return time === null ? {} : { [name]: Math.floor(time / 1_000) };
}
