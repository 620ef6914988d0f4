import { causedBy } from "../../../hub/publisher.ts";
import { toldRoomName } from "../room-name.ts";
import { audienceOf, type RoomRecord } from "../room-record.ts";
import { applyHeld } from "./apply-change.ts";
import { settleChannels } from "./held-changes.ts";
import { changeRoom, roomTask, watchIdle } from "./room-changes.ts";
import { EVENT_OF, type HeldChange, type RoomsTurn } from "./rooms-state.ts";

/** How long a creation may stay open, milliseconds. */
export type RepairTimes = { readonly lookMs: number; readonly decideMs: number };

/** Has a creation looked into and decided from now on, whatever becomes of its request. */
export function watchCreation({ state, hub }: RoomsTurn, id: string, times: RepairTimes): void {
  if (state.room(id)?.state !== "creating") return;
  hub.schedule(roomTask.repair(id), hub.now() + times.lookMs);
  hub.schedule(roomTask.decide(id), hub.now() + times.decideMs);
}

/**
 * A room's channel exists: from now on it is a room for everyone who may see it.
 * @returns false when the creation had been given up, so the channel is nobody's
 */
export function openRoom(
  turn: RoomsTurn,
  id: string,
  channel: { readonly id: string; readonly name: string },
): boolean {
  const { state, hub } = turn;
  const room = state.room(id);
  if (room === null || room.state === "gone") return false;
  if (room.state !== "creating") return room.channelId === channel.id;
  hub.cancel(roomTask.repair(id));
  hub.cancel(roomTask.decide(id));
  state.removeForeign(channel.id);
  const open = changeRoom(turn, {
    ...room,
    channelId: channel.id,
    name: toldRoomName(channel.name, room),
    state: "open",
    openedAt: hub.now(),
  });
  announce(turn, open);
  return true;
}

/** From now on it is a room for everyone who may see it; then comes what waited for that. */
function announce(turn: RoomsTurn, room: RoomRecord): void {
  const { guildId } = turn.hub;
  turn.hub.publish({
    event: "room.created",
    payload: { channelId: room.channelId, name: room.name, guildId },
    audience: audienceOf(room),
    topic: room.channelId,
  });
  watchIdle(turn, room);
  release(turn);
}

/** The channel of a room that had ended still stands: it is told again, as the room that it is. */
export function reopenRoom(
  turn: RoomsTurn,
  room: RoomRecord,
  channel: { readonly id: string; readonly name: string },
): void {
  const { state, hub } = turn;
  hub.cancel(roomTask.forget(room.id));
  state.removeCandidates(channel.id);
  announce(
    turn,
    changeRoom(turn, {
      ...room,
      name: toldRoomName(channel.name, room),
      state: "open",
      openedAt: hub.now(),
      endedAt: null,
    }),
  );
}

/** The channel of a room that has ended is gone: what seemed to show it was late. */
export function confirmEnd(turn: RoomsTurn, { channelId }: RoomRecord): void {
  if (channelId !== null) turn.state.removeCandidates(channelId);
  release(turn, (held) => held.channelId !== channelId);
}

/** A creation came to nothing. @returns false when it had been settled already */
export function giveUpRoom(turn: RoomsTurn, id: string): boolean {
  const room = turn.state.room(id);
  if (room?.state !== "creating") return false;
  turn.hub.cancel(roomTask.repair(id));
  turn.hub.cancel(roomTask.decide(id));
  changeRoom(turn, { ...room, state: "gone" });
  release(turn);
  return true;
}

/**
 * Something is settled: what waited for it happens now, in its order; the rest goes on waiting.
 * @param isTrue whether an event that waits is to happen at all
 */
function release(turn: RoomsTurn, isTrue: (held: HeldChange) => boolean = () => true): void {
  settleChannels(turn);
  for (const held of turn.state.takeHeld().filter(isTrue)) {
    const cause = { ...held, event: EVENT_OF[held.kind] };
    const hub = { ...turn.hub, publish: causedBy(cause, turn.hub.publish) };
    applyHeld({ state: turn.state, hub }, held);
  }
}
