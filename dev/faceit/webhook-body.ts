import type { MatchRecord, SideRecord, Status } from "./model.ts";
import type { World } from "./world.ts";

/** FACEIT's event for each status of a match (§A3). VOTING and ONGOING have none. */
export const EVENT_OF_STATUS: Readonly<Partial<Record<Status, string>>> = {
  CONFIGURING: "match_status_configuring",
  READY: "match_status_ready",
  FINISHED: "match_status_finished",
  ABORTED: "match_status_aborted",
  CANCELLED: "match_status_cancelled",
};

/** Constant for a subscription. */
const THIRD_PARTY_ID = "3d1f7b52-aaaa-4b7c-9f10-5e6d7c8b9a00";
const APP_ID = "9c8b7a65-bbbb-4c3d-8e2f-1a0b9c8d7e6f";

export type WebhookBody = ReturnType<typeof webhookBody>;

/** The envelope of a first delivery (`retry_count` 0). */
export function webhookBody(
  event: string,
  payload: Readonly<Record<string, unknown>>,
  ids: { readonly eventId: string; readonly transactionId: string },
  now: number,
) {
  return {
    transaction_id: ids.transactionId,
    event,
    event_id: ids.eventId,
    third_party_id: THIRD_PARTY_ID,
    app_id: APP_ID,
    timestamp: isoSeconds(now),
    retry_count: 0,
    version: 1,
    payload,
  };
}

/** The payload of an event about a match. An unknown event gets the payload of `match_object_created`. */
export function matchPayload(
  event: string,
  match: MatchRecord,
  world: World,
): Readonly<Record<string, unknown>> {
  const { faction1, faction2 } = match.sides;
  const base = {
    id: match.id,
    organizer_id: match.organizerId,
    region: "EU",
    game: "cs2",
    version: match.version,
    entity: match.competition,
    created_at: isoSeconds(match.createdAt),
    updated_at: isoSeconds(match.updatedAt),
  };
  const teams = [team(faction1, world), team(faction2, world)];
  switch (event) {
    case "match_status_configuring":
    case "match_status_ready":
    case "match_status_aborted":
      return { ...base, teams };
    case "match_status_finished": {
      const finishedAt = match.finishedAt ?? match.updatedAt;
      const startedAt = match.startedAt ?? finishedAt;
      const times = { started_at: isoSeconds(startedAt), finished_at: isoSeconds(finishedAt) };
      return { ...base, teams, ...times };
    }
    case "match_status_cancelled":
      return { ...base, teams, reason: "AFK", players: [], afk: faction2.players.slice(0, 1) };
    case "match_demo_ready":
      return {
        ...base,
        // A string here, an array in the Data API.
        demo_url: match.demoUrl ?? "",
        teams: [faction1, faction2].map(({ factionId: id, name }) => ({ id, name, players: [] })),
      };
    default:
      return base;
  }
}

function team(side: SideRecord, world: World): unknown {
  return {
    id: side.factionId,
    name: side.name,
    type: "",
    avatar: "",
    leader_id: side.players[0] ?? "",
    co_leader_id: "",
    // The Data API calls these members player_id, game_player_id and game_player_name.
    roster: world.playersOf(side).map((player) => ({
      id: player.id,
      nickname: player.nickname,
      avatar: "",
      game_id: player.gamePlayerId,
      game_name: player.nickname,
      game_skill_level: player.skillLevel,
      membership: player.membership,
      anticheat_required: true,
    })),
    substitutions: side.substitutes.length,
    substitutes: side.substitutes,
  };
}

function isoSeconds(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");
}
