import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { Audience } from "../../../hub/publisher.ts";
import { JOURNAL_MAX_AGE_MS } from "../../../protocol/limits.ts";
import { shownPerson } from "../../../protocol/person.ts";
import { roomNameFromDiscord } from "../room-name.ts";
import { audienceOf, type RoomRecord } from "../room-record.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/** When a task copies a change to D1 in case its request did not, milliseconds. */
const COPY_DELAY_MS = 2_000;

/** How long an ended room is kept at least: as long as its events, so that its channel's late events are known. */
export const TOMBSTONE_MS = JOURNAL_MAX_AGE_MS;

/** Keys of the tasks of one room. */
export const roomTask = {
  /** Copy the record to D1. */
  copy: (id: string) => `copy/${id}`,
  /** Look for the channel of a creation. */
  repair: (id: string) => `repair/${id}`,
  /** Look for the last time: a channel that is not found counts as never made. */
  decide: (id: string) => `decide/${id}`,
  /** End the room if it is still empty. */
  idle: (id: string) => `idle/${id}`,
  /** Ask Discord whether the room's channel still exists. */
  check: (id: string) => `check/${id}`,
  /** Delete an ended room from the hub. */
  forget: (id: string) => `forget/${id}`,
} as const;

/** Stores a changed room with a new revision, and schedules its copy to D1. @returns what was stored */
export function changeRoom({ state, hub }: RoomsTurn, room: RoomRecord): RoomRecord {
  const changed = { ...room, revision: room.revision + 1 };
  state.saveRoom(changed);
  hub.schedule(roomTask.copy(room.id), hub.now() + COPY_DELAY_MS);
  return changed;
}

/** Ends an open room: everybody in it leaves, then it is deleted (rooms.md §2). */
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
    payload: { channelId, guildId: hub.name },
    audience: audienceOf(room),
    topic: channelId,
    ts,
  });
}

/** Takes the name and limit that Discord reports. A name without a visible character is ignored. */
export function updateRoom(
  turn: RoomsTurn,
  room: RoomRecord,
  now: { readonly name: string; readonly userLimit: number },
  ts: number,
): void {
  const { userLimit } = now;
  const name = roomNameFromDiscord(now.name, room);
  if (room.state !== "open" || (room.name === name && room.userLimit === userLimit)) return;
  changeRoom(turn, { ...room, name, userLimit });
  turn.hub.publish({
    event: "room.updated",
    payload: { channelId: room.channelId, name, guildId: turn.hub.name, userLimit },
    audience: audienceOf(room),
    topic: room.channelId,
    ts,
  });
}

/** Publishes that a user left their channel. */
export function leave(turn: RoomsTurn, voice: VoiceState, ts: number): void {
  const { state, hub } = turn;
  const { channelId, userId } = voice;
  state.savePublishedVoice(userId, null);
  hub.publish({
    event: "voice.left",
    payload: { guildId: hub.name, channelId, userId },
    audience: channelAudience(turn, channelId),
    topic: channelId,
    ts,
  });
  const room = state.roomOfChannel(channelId);
  if (room?.state === "open" && state.emptySince(room.id) === null) watchIfEmpty(turn, room);
}

/**
 * Publishes that a user joined a channel. A move is published as a leave and a join.
 * @param before where readers last saw the user
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
  // The channel of an ended room is gone; the event is late.
  const isGone = room?.state === "ended";
  state.savePublishedVoice(userId, isGone ? null : voice);
  if (isGone) return;
  const person = state.person(userId);
  if (room !== null && person?.bot !== true) forgetIdle(turn, room.id);
  hub.publish({
    event: "voice.joined",
    payload:
      person === null
        ? { guildId: hub.name, channelId, userId }
        : { guildId: hub.name, channelId, userId, user: shownPerson(userId, person) },
    audience: channelAudience(turn, channelId),
    topic: channelId,
    ts,
  });
}

/** Starts the idle time of an empty room. It runs only while everybody in voice is known (rooms.md §5). */
export function watchIdle({ state, hub }: RoomsTurn, room: RoomRecord): void {
  if (room.idleMs === 0 || !state.isVoiceKnown()) return;
  state.saveEmptySince(room.id, hub.now());
  hub.schedule(roomTask.idle(room.id), hub.now() + room.idleMs);
}

/** Starts a room's idle time if nobody but bots is in it (rooms.md §5). */
export function watchIfEmpty(turn: RoomsTurn, room: RoomRecord): void {
  const { state } = turn;
  const members = room.channelId === null ? [] : state.membersOf(room.channelId);
  if (members.every(({ userId }) => state.person(userId)?.bot === true)) watchIdle(turn, room);
}

/** Stops a room's idle time, because somebody is or may be in it. */
export function forgetIdle({ state, hub }: RoomsTurn, id: string): void {
  state.saveEmptySince(id, null);
  hub.cancel(roomTask.idle(id));
}

/** Who may see a channel's events. Everyone in the guild may see those of a foreign channel. */
function channelAudience({ state }: RoomsTurn, channelId: string): Audience {
  const room = state.roomOfChannel(channelId);
  return room === null ? null : audienceOf(room);
}
