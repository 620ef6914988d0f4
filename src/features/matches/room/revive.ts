import { type Faction, FACTIONS } from "../../../protocol/match.ts";
import type { FaceitMatch, Roster } from "../faceit-match.ts";
import type { MatchRecord } from "../ports.ts";
import { channelName } from "./channel-name.ts";
import { newRoom, type RoomState, type SideState, withCheck, withSide } from "./room-state.ts";
import { clearedRetries } from "./timetable.ts";

/**
 * Rebuilds the state of a live match whose own storage was lost, from the record that clients were shown.
 * That record is believed until FACEIT answers. Existing channels are searched first, so that none is created
 * twice.
 */
export function revived(record: MatchRecord, now: number): RoomState {
  const players = FACTIONS.flatMap((faction) => record.factions[faction].players);
  const room: RoomState = {
    ...newRoom(record.matchId, record.guildId, now),
    firstSeenAt: Date.parse(record.createdAt),
    revision: Math.max(now, record.revision),
    match: matchOf(record),
    mustRead: true,
    links: Object.fromEntries(
      players.flatMap(({ playerId, discordId }) =>
        discordId === null ? [] : [[playerId, discordId] as const],
      ),
    ),
    admitted: FACTIONS.flatMap((faction) =>
      usersOf(record, faction).map((userId) => `${faction}:${userId}`),
    ),
  };
  return FACTIONS.reduce(
    (state, faction) => withSide(state, faction, sideOf(record, faction)),
    room,
  );
}

/** Only Discord knows who has access, so the channel is looked for as after an unanswered creation. */
function sideOf(record: MatchRecord, faction: Faction): Partial<SideState> {
  const name = record.factions[faction].room?.name ?? channelName(record.matchId, faction, 0);
  return { name, reserving: true, creationUnanswered: true };
}

function usersOf(record: MatchRecord, faction: Faction): readonly string[] {
  return record.factions[faction].players.flatMap(({ discordId }) => discordId ?? []);
}

function matchOf(record: MatchRecord): FaceitMatch {
  const { matchId, status, game, region, competition, map, bestOf, url, demoUrl, demoUrls } =
    record;
  const rosterOf = (faction: Faction): Roster => {
    const { name, players } = record.factions[faction];
    return {
      name,
      players: players.map(({ playerId, nickname, skillLevel }) => {
        return { playerId, nickname, skillLevel };
      }),
    };
  };
  const rosters = { faction1: rosterOf("faction1"), faction2: rosterOf("faction2") };
  const isWhole = FACTIONS.every((faction) => rosters[faction].players.length > 0);
  const told = { matchId, status, game, region, competition, map, bestOf, url, demoUrl, demoUrls };
  // Version 0: any answer of FACEIT is newer.
  return { ...told, owners: [], version: 0, scheduledAt: null, rosters: isWhole ? rosters : null };
}

/** Reopens a match that counted as over: people are let in, moved and messaged as at its beginning. */
export function reopened(state: RoomState): RoomState {
  const again = (side: SideState): SideState => ({ ...side, channelsMade: 0, problem: null });
  const { faction1, faction2 } = state.sides;
  // A channel may have been deleted although the answer to that was lost.
  const hasChannel = FACTIONS.some((faction) => state.sides[faction].channel !== null);
  return {
    ...(hasChannel ? withCheck(state) : state),
    phase: "live",
    end: null,
    absent: [],
    moved: [],
    messaged: [],
    evacuated: [],
    noticePosted: false,
    troubles: [],
    postedTroubles: [],
    retries: clearedRetries(state),
    sides: { faction1: again(faction1), faction2: again(faction2) },
  };
}
