import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { Audience } from "../../../hub/publisher.ts";
import { JOURNAL_MAX_AGE_MS } from "../../../protocol/limits.ts";
import { shownPerson } from "../../../protocol/person.ts";
import { toldRoomName } from "../room-name.ts";
import { audienceOf, type RoomRecord } from "../room-record.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/** A change is copied to D1 by its request; this much later, milliseconds, a task makes sure. */
const COPY_DELAY_MS = 2_000;

/** An ended room is remembered at least as long as its events: late ones of its channel are ours to ignore. */
export const TOMBSTONE_MS = JOURNAL_MAX_AGE_MS;

/** Keys of the tasks of one room. */
export const roomTask = {
  /** Copy the record to D1. */
  copy: (id: string) => `copy/${id}`,
  /** Look what became of a creation. */
  repair: (id: string) => `repair/${id}`,
  /** Look for the last time: what is not there now was never made. */
  decide: (id: string) => `decide/${id}`,
  /** End it if it is still empty. */
  idle: (id: string) => `idle/${id}`,
  /** Ask Discord whether its channel still exists. */
  check: (id: string) => `check/${id}`,
  /** Forget that it was. */
  forget: (id: string) => `forget/${id}`,
} as const;

/** Stores a changed room, to be copied to D1. @returns what was stored */
export function changeRoom({ state, hub }: RoomsTurn, room: RoomRecord): RoomRecord {
  const changed = { ...room, revision: room.revision + 1 };
  state.saveRoom(changed);
  hub.schedule(roomTask.copy(room.id), hub.now() + COPY_DELAY_MS);
  return changed;
}

/** A room is over: everybody in it has left, then it is deleted (rooms.md §2). */
export function endRoom(turn: RoomsTurn, room: RoomRecord, ts: number = turn.hub.now()): void {
  const { state, hub } = turn;
  const { channelId } = room;
  if (room.state !== "open" || channelId === null) return;
  for (const voice of state.membersOf(channelId)) leave(turn, voice, ts);
  changeRoom(turn, { ...room, state: "ended", endedAt: ts });
  forgetIdle(turn, room.id);
  hub.cancel(roomTask.check(room.id));
  hub.schedule(roomTask.forget(room.id), hub.now() + TOMBSTONE_MS);
  hub.publish({
    event: "room.deleted",
    payload: { channelId, guildId: hub.guildId },
    audience: audienceOf(room),
    topic: channelId,
    ts,
  });
}

/** Takes a name or limit that Discord reports; a name of which nothing can be seen changes nothing. */
export function updateRoom(
  turn: RoomsTurn,
  room: RoomRecord,
  now: { readonly name: string; readonly userLimit: number },
  ts: number,
): void {
  const { userLimit } = now;
  const name = toldRoomName(now.name, room);
  if (room.state !== "open" || (room.name === name && room.userLimit === userLimit)) return;
  changeRoom(turn, { ...room, name, userLimit });
  turn.hub.publish({
    event: "room.updated",
    payload: { channelId: room.channelId, name, guildId: turn.hub.guildId, userLimit },
    audience: audienceOf(room),
    topic: room.channelId,
    ts,
  });
}

/** Readers are told that a user is in no channel any more. */
export function leave(turn: RoomsTurn, voice: VoiceState, ts: number): void {
  const { state, hub } = turn;
  const { channelId, userId } = voice;
  state.saveTold(userId, null);
  hub.publish({
    event: "voice.left",
    payload: { guildId: hub.guildId, channelId, userId },
    audience: channelAudience(turn, channelId),
    topic: channelId,
    ts,
  });
  const room = state.roomOfChannel(channelId);
  if (room?.state === "open" && state.emptySince(room.id) === null) watchIfEmpty(turn, room);
}

/**
 * Readers are told that a user is in a channel, and in no other one (a move is a leave and a join).
 * @param before where they think that he is
 */
export function join(
  turn: RoomsTurn,
  before: VoiceState | null,
  voice: VoiceState,
  ts: number,
): void {
  const { state, hub } = turn;
  const { channelId, userId } = voice;
  if (before?.channelId === channelId) return;
  if (before !== null) leave(turn, before, ts);
  const room = state.roomOfChannel(channelId);
  // The channel of an ended room is gone, whatever a late event says.
  const isGone = room?.state === "ended";
  state.saveTold(userId, isGone ? null : voice);
  if (isGone) return;
  const person = state.person(userId);
  if (room !== null && person?.bot !== true) forgetIdle(turn, room.id);
  hub.publish({
    event: "voice.joined",
    payload: {
      guildId: hub.guildId,
      channelId,
      userId,
      ...(person === null ? {} : { user: shownPerson(userId, person) }),
    },
    audience: channelAudience(turn, channelId),
    topic: channelId,
    ts,
  });
}

/** A room that nobody is in ends after its time, which counts while that is known (rooms.md §5). */
export function watchIdle({ state, hub }: RoomsTurn, room: RoomRecord): void {
  if (room.idleMs === 0 || !state.isVoiceKnown()) return;
  state.saveEmptySince(room.id, hub.now());
  hub.schedule(roomTask.idle(room.id), hub.now() + room.idleMs);
}

/** Has a room end after its time if nobody is in it; a bot is nobody (rooms.md §5). */
export function watchIfEmpty(turn: RoomsTurn, room: RoomRecord): void {
  const { state } = turn;
  const members = room.channelId === null ? [] : state.membersOf(room.channelId);
  if (members.every(({ userId }) => state.person(userId)?.bot === true)) watchIdle(turn, room);
}

/** Somebody is in a room, or may be. */
export function forgetIdle({ state, hub }: RoomsTurn, id: string): void {
  state.saveEmptySince(id, null);
  hub.cancel(roomTask.idle(id));
}

/** A channel that we did not make is everyone's to see. */
function channelAudience({ state }: RoomsTurn, channelId: string): Audience {
  const room = state.roomOfChannel(channelId);
  return room === null ? null : audienceOf(room);
}
