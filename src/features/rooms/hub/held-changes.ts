import type { Taken } from "../../../hub/extension.ts";
import { HELD_EVENTS_MAX } from "../../../protocol/limits.ts";
import { roomTask } from "./room-changes.ts";
import { subjectOf, type HeldChange, type RoomsTurn } from "./rooms-state.ts";

/** A publisher whose event the hub may not keep sends it again after this, milliseconds. */
export const HOLD_MS = 250;

/**
 * Whether this may be the channel of a room that is being made: nobody can tell yet who may see it, and
 * `room.created` has to come first. Only rooms that were being made when the channel first showed itself
 * can have it, so that rooms which people go on making do not keep a channel of others waiting: they are
 * noted at that moment.
 */
export function noteIfMaybeOurs({ state }: RoomsTurn, channelId: string): boolean {
  const room = state.roomOfChannel(channelId);
  const known = state.candidatesOf(channelId);
  if (room?.state === "ended") return known !== null;
  if (room !== null || state.isForeign(channelId)) return false;
  if (known !== null) return known.some((id) => state.room(id)?.state === "creating");
  const making = state.roomsIn("creating").map(({ id }) => id);
  if (making.length > 0) state.saveCandidates(channelId, making);
  return making.length > 0;
}

/**
 * A channel shows itself. If it is that of a room that ended before, Discord is asked whether it still stands,
 * and until the answer its events wait. An event of the time before the end is only late.
 * @param ts when that was seen, milliseconds
 */
export function seeAgain({ state, hub }: RoomsTurn, channelId: string, ts: number): void {
  const room = state.roomOfChannel(channelId);
  if (room?.state !== "ended" || ts <= (room.endedAt ?? 0)) return;
  if (state.candidatesOf(channelId) !== null) return;
  state.saveCandidates(channelId, [room.id]);
  hub.schedule(roomTask.check(room.id), hub.now());
}

/** Whether a change must wait: its channel may be ours, or it comes after one that waits. */
export function mustWait(turn: RoomsTurn, change: HeldChange): boolean {
  return noteIfMaybeOurs(turn, change.channelId) || turn.state.isAfterHeld(subjectOf(change));
}

/**
 * Keeps a change until the creation is settled that its channel may come from. The publisher goes on, and so
 * do the other channels. Discord is asked at once what became of the creation: its request may be dead.
 */
export function hold({ state, hub }: RoomsTurn, change: HeldChange): Taken {
  const { channelId } = change;
  if (state.heldCount() >= HELD_EVENTS_MAX) return { holdMs: HOLD_MS };
  if (!state.isAfterHeld({ channelId, userId: null })) {
    for (const id of state.candidatesOf(channelId) ?? []) {
      if (state.room(id)?.state === "creating") hub.schedule(roomTask.repair(id), hub.now());
    }
  }
  state.hold(change);
  return "done";
}

/** Channels whose candidates are settled are rooms, or nobody's. */
export function settleChannels(turn: RoomsTurn): void {
  const { state } = turn;
  for (const channelId of state.unsettledChannels()) {
    if (noteIfMaybeOurs(turn, channelId)) continue;
    if (state.roomOfChannel(channelId) === null) state.addForeign(channelId);
    state.removeCandidates(channelId);
  }
}
