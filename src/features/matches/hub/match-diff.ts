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

/** What the hub keeps of a match to compare a newer revision with. */
export type Remembered = {
  /** Whether clients have had an event of this match. */
  readonly announced: boolean;
  /** Null: the match is over and its channels are gone, so only its revision is kept. */
  readonly record: MatchRecord | null;
};

/**
 * The events that clients get for a new revision: the match's own first, then those of its rooms. A match's
 * event carries the whole match, including rooms; a room's event alone means that nothing else changed.
 * Everyone in the guild may see them.
 * @param before null: the hub has not heard of the match
 * @param now with who is in voice. Its properties must be in the order of the schema, like those of `before`:
 *   both are compared as JSON
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

/** The name of the match's own event; null: only rooms were created or deleted. */
function eventOf(known: Remembered | null, now: Match): string | null {
  if (known === null) return matchCreated.name;
  if (known.record === null) return matchUpdated.name;
  if (now.state === "ended" && known.record.state === "live") return matchEnded.name;
  const isSame = withoutRooms(known.record) === withoutRooms(now);
  const isMore = FACTIONS.some((faction) => isMoreThanRoom(known, now, faction));
  return isSame && !isMore ? null : matchUpdated.name;
}

/** Whether something changed that a room's event does not carry. */
function isMoreThanRoom(known: Remembered, now: Match, faction: Faction): boolean {
  const side = now.factions[faction];
  // People inside joined before clients knew that the channel is this match's.
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

/** JSON of a match without its rooms, and without what differs in every revision. */
function withoutRooms({ factions, ...own }: MatchRecord): string {
  const sides = FACTIONS.map((faction) => {
    return { ...factions[faction], room: null, inVoice: [] };
  });
  return JSON.stringify([{ ...own, revision: 0 }, sides]);
}
