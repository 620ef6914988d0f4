import type { PayloadOf } from "./guild-event.ts";
import type { Faction, Match, MatchSide } from "./resources.ts";

/** Live matches by id, in the order in which they became known. Never changed in place. */
export type LiveMatches = ReadonlyMap<string, Match>;

/** Both factions, in FACEIT's order. */
export const FACTIONS: readonly Faction[] = ["faction1", "faction2"];

/** The live matches of a snapshot, oldest first. */
export function liveMatchesOf(matches: readonly Match[]): LiveMatches {
  const oldestFirst = matches
    .filter((match) => match.state === "live")
    .toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  return new Map(oldestFirst.map((match) => [match.matchId, match]));
}

/** Applies the match of an event. An ended match is removed, and an older or equal revision changes nothing. */
export function applyMatch(known: LiveMatches, match: Match): LiveMatches {
  const before = known.get(match.matchId);
  if (before !== undefined && before.revision >= match.revision) return known;
  const matches = new Map(known);
  if (match.state === "live") matches.set(match.matchId, match);
  else matches.delete(match.matchId);
  return matches;
}

/** Sets or removes the channel of one side. A side that has another channel by now keeps it. */
export function applyMatchRoom(
  known: LiveMatches,
  room: PayloadOf<"match.room.deleted"> & { readonly name?: string },
  isThere: boolean,
): LiveMatches {
  const { matchId, faction, channelId, name = "" } = room;
  return withSide(known, matchId, faction, (side) => {
    if ((side.room?.channelId === channelId) === isThere) return side;
    return { ...side, room: isThere ? { channelId, name } : null, inVoice: [] };
  });
}

/** Applies that a user joined or left a voice channel. */
export function applyMatchVoice(
  known: LiveMatches,
  { channelId, userId }: PayloadOf<"voice.joined">,
  isIn: boolean,
): LiveMatches {
  for (const { matchId, factions } of known.values()) {
    for (const faction of FACTIONS) {
      if (factions[faction].room?.channelId !== channelId) continue;
      return withSide(known, matchId, faction, (side) => {
        if (side.inVoice.includes(userId) === isIn) return side;
        const others = side.inVoice.filter((other) => other !== userId);
        return { ...side, inVoice: isIn ? [...others, userId] : others };
      });
    }
  }
  return known;
}

function withSide(
  known: LiveMatches,
  matchId: string,
  faction: Faction,
  change: (side: MatchSide) => MatchSide,
): LiveMatches {
  const match = known.get(matchId);
  if (match === undefined) return known;
  const side = change(match.factions[faction]);
  if (side === match.factions[faction]) return known;
  const factions = { ...match.factions, [faction]: side };
  return new Map(known).set(matchId, { ...match, factions });
}
