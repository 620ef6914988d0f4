import type { Taken } from "../../../hub/extension.ts";
import { HELD_EVENTS_MAX } from "../../../protocol/limits.ts";
import { type HeldChange, subjectOf } from "./held-change.ts";
import { roomTask } from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/** When a publisher sends an event again that the hub has no space to hold, milliseconds. */
export const HOLD_MS = 250;

/**
 * Whether this may be the channel of a room that is being created: then it is unknown who may see it, and
 * `room.created` must come first. The rooms that are being created when the channel is first seen are noted as
 * its candidates. Later ones cannot be, so a foreign channel does not wait for rooms that people go on creating.
 */
export function noteIfMaybeRoom({ state }: RoomsTurn, channelId: string): boolean {
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
 * Handles a sign that a channel exists. If its room has ended, Discord is asked whether the channel still
 * exists, and its events are held until the answer. A sign from before the end is only late and is ignored.
 * @param ts the time of the sign, milliseconds since 1970
 */
export function recheckEndedRoom({ state, hub }: RoomsTurn, channelId: string, ts: number): void {
  const room = state.roomOfChannel(channelId);
  if (room?.state !== "ended" || ts <= (room.endedAt ?? 0)) return;
  if (state.candidatesOf(channelId) !== null) return;
  state.saveCandidates(channelId, [room.id]);
  hub.schedule(roomTask.check(room.id), hub.now());
}

/** Whether to hold a change: its channel may be ours, or it must stay behind a held change. */
export function mustWait(turn: RoomsTurn, change: HeldChange): boolean {
  return noteIfMaybeRoom(turn, change.channelId) || turn.state.isAfterHeld(subjectOf(change));
}

/**
 * Holds a change until its channel is decided. The publisher and other channels need not wait. The first held
 * change of a channel has its candidates looked for at once, because their requests may be dead.
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

/** Decides channels whose candidates are all settled: each is a room, or foreign. */
export function settleChannels(turn: RoomsTurn): void {
  const { state } = turn;
  for (const channelId of state.unsettledChannels()) {
    if (noteIfMaybeRoom(turn, channelId)) continue;
    if (state.roomOfChannel(channelId) === null) state.addForeign(channelId);
    state.removeCandidates(channelId);
  }
}
