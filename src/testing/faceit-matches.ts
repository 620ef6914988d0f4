import type { FaceitMatch, Roster } from "../features/matches/faceit-match.ts";
import type { Faction } from "../protocol/match.ts";

/** The first match's id. */
export const MATCH_ID = "1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90";

/** A match as FACEIT reports it. */
export function faceitMatch(
  status: string,
  version: number,
  sides: FaceitMatch["rosters"],
): FaceitMatch {
  return {
    matchId: MATCH_ID,
    owners: ["hub", "organizer"],
    version,
    status,
    game: "cs2",
    region: "EU",
    competition: "Nordic Night Hub",
    map: null,
    bestOf: 1,
    url: null,
    demoUrl: null,
    scheduledAt: null,
    rosters: sides,
  };
}

/** Rosters of players `a1…` and `b1…`. */
export function rosters(
  first: readonly string[] = ["a1", "a2"],
  second: readonly string[] = ["b1", "b2"],
): Readonly<Record<Faction, Roster>> {
  const side = (name: string, ids: readonly string[]): Roster => ({
    name,
    players: ids.map((playerId) => ({ playerId, nickname: playerId, skillLevel: 5 })),
  });
  return { faction1: side("team_aurora", first), faction2: side("team_borealis", second) };
}
