import { Match, type MatchPlayer, type MatchSide } from "../protocol/match.ts";

/** A player. With a Discord id the player has linked it. */
export function testPlayer(playerId: string, discordId: string | null = null): MatchPlayer {
  return { playerId, nickname: `nick ${playerId}`, skillLevel: 7, discordId };
}

/** A side with one player without a link, and no channel. */
export function testSide(name: string, more: Partial<MatchSide> = {}): MatchSide {
  const players = [testPlayer(`${name}-1`)];
  return { name, players, room: null, problem: null, inVoice: [], ...more };
}

/** A live match with both sides known, in its first revision. */
export function testMatch(
  matchId: string,
  guildId: string,
  {
    factions,
    ...more
  }: Partial<Omit<Match, "factions">> & { factions?: Partial<Match["factions"]> } = {},
): Match {
  return Match.parse({
    matchId,
    guildId,
    state: "live",
    status: "READY",
    game: "cs2",
    region: "EU",
    competition: "Nordic Night Hub",
    map: null,
    bestOf: 1,
    url: `https://www.faceit.com/en/cs2/room/${matchId}`,
    demoUrl: null,
    demoUrls: [],
    factions: { faction1: testSide("aurora"), faction2: testSide("borealis"), ...factions },
    createdAt: "2026-11-20T19:00:01.000Z",
    endedAt: null,
    revision: 1,
    ...more,
  });
}
