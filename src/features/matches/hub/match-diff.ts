import type { Publication } from "../../../hub/publisher.ts";
import {
  matchCreated,
  matchEnded,
  matchRoomCreated,
  matchRoomDeleted,
  matchUpdated,
} from "../../../protocol/events/matches.ts";
import { FACTIONS, type Faction, type Match, type MatchRoom } from "../../../protocol/match.ts";
import type { MatchRecord } from "../ports.ts";

/** What the hub remembers of a match when a newer revision of it comes. */
export type Remembered = {
  /** Whether clients were ever told of it. */
  readonly announced: boolean;
  /** Null: it is over and its rooms are gone; no more than its revision is remembered. */
  readonly record: MatchRecord | null;
};

/**
 * What clients are told when a match is `now` what it is: the match itself first, then its rooms. An
 * event of the match carries all of it, its rooms too; one that is only of a room says that nothing
 * else is different. Everyone in the guild may see them.
 * @param before null: nothing is known of it
 * @param now with who is in voice, its members in the order of the schema, like those of `before`
 */
export function publicationsOf(before: Remembered | null, now: Match): readonly Publication[] {
  const known = before?.announced === true ? before : null;
  if (known === null && now.state === "ended") return [];
  const { guildId, matchId } = now;
  const event = eventOf(known, now);
  const own: Publication[] =
    event === null
      ? []
      : [{ event, payload: { guildId, match: now }, audience: null, topic: null }];
  const rooms = FACTIONS.flatMap((faction): Publication[] => {
    const { gone, there } = roomChange(known, now, faction);
    const told: Publication[] = [];
    if (gone !== null) {
      const { channelId } = gone;
      const payload = { guildId, matchId, faction, channelId };
      told.push({ event: matchRoomDeleted.name, payload, audience: null, topic: channelId });
    }
    if (there !== null) {
      const { channelId, name } = there;
      const payload = { guildId, matchId, faction, channelId, name };
      told.push({ event: matchRoomCreated.name, payload, audience: null, topic: channelId });
    }
    return told;
  });
  return [...own, ...rooms];
}

/** The event of the match itself; null: only rooms came or went. */
function eventOf(known: Remembered | null, now: Match): string | null {
  if (known === null) return matchCreated.name;
  if (known.record === null) return matchUpdated.name;
  if (now.state === "ended" && known.record.state === "live") return matchEnded.name;
  const isSame = withoutRooms(known.record) === withoutRooms(now);
  const isMore = FACTIONS.some((faction) => isMoreThanRoom(known, now, faction));
  return isSame && !isMore ? null : matchUpdated.name;
}

/** Whether the event of the room alone would not do. */
function isMoreThanRoom(known: Remembered, now: Match, faction: Faction): boolean {
  const side = now.factions[faction];
  // Who is in it already joined before anybody was told that the channel is this match's.
  if (roomChange(known, now, faction).there !== null) return side.inVoice.length > 0;
  return side.room !== null && side.room.name !== known.record?.factions[faction].room?.name;
}

function roomChange(
  known: Remembered | null,
  now: Match,
  faction: Faction,
): { readonly gone: MatchRoom | null; readonly there: MatchRoom | null } {
  const gone = known?.record?.factions[faction].room ?? null;
  const there = now.factions[faction].room;
  return gone?.channelId === there?.channelId ? { gone: null, there: null } : { gone, there };
}

/** Everything of a match but its rooms, and what is different at each change anyway. */
function withoutRooms({ factions, ...own }: MatchRecord): string {
  const sides = FACTIONS.map((faction) => {
    return { ...factions[faction], room: null, inVoice: [] };
  });
  return JSON.stringify([{ ...own, revision: 0 }, sides]);
}
