import { causedBy } from "../../../hub/publisher.ts";
import { roomNameFromDiscord } from "../room-name.ts";
import { audienceOf, type RoomRecord } from "../room-record.ts";
import { applyHeld, settleChannels } from "./apply-change.ts";
import { EVENT_OF, type HeldChange } from "./held-change.ts";
import { changeRoom, roomTask, watchIdle } from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/** When a creation that its request has not settled is looked for, and when it is decided, milliseconds. */
export type RepairTimes = { readonly lookMs: number; readonly decideMs: number };

/** Schedules looking for a creation's channel and deciding about it, in case its request never settles it. */
export function watchCreation({ state, hub }: RoomsTurn, id: string, times: RepairTimes): void {
  if (state.room(id)?.state !== "creating") return;
  hub.schedule(roomTask.repair(id), hub.now() + times.lookMs);
  hub.schedule(roomTask.decide(id), hub.now() + times.decideMs);
}

/**
 * Opens a room whose channel exists, and publishes it.
 * @returns false if the creation had been given up, so the channel belongs to no room
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
    name: roomNameFromDiscord(channel.name, room),
    state: "open",
    openedAt: hub.now(),
  });
  announce(turn, open);
  return true;
}

/** Publishes an open room, then applies the changes that were held for it. */
function announce(turn: RoomsTurn, room: RoomRecord): void {
  const guildId = turn.hub.name;
  turn.hub.publish({
    event: "room.created",
    payload: { channelId: room.channelId, name: room.name, guildId },
    audience: audienceOf(room),
    topic: room.channelId,
  });
  watchIdle(turn, room);
  release(turn);
}

/** Reopens an ended room whose channel still exists, and publishes it again. */
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
      name: roomNameFromDiscord(channel.name, room),
      state: "open",
      openedAt: hub.now(),
      endedAt: null,
    }),
  );
}

/** The channel of an ended room is gone. Held changes that seemed to show it were late, and are dropped. */
export function confirmEnd(turn: RoomsTurn, { channelId }: RoomRecord): void {
  if (channelId !== null) turn.state.removeCandidates(channelId);
  release(turn, (held) => held.channelId !== channelId);
}

/** Gives up a creation that made no channel. @returns false if it had been settled already */
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
 * Applies held changes in order, now that a channel is decided. Those that must wait longer are held again.
 * @param isTrue whether to apply a held change, or to drop it
 */
function release(turn: RoomsTurn, isTrue: (held: HeldChange) => boolean = () => true): void {
  settleChannels(turn);
  const { state, hub } = turn;
  for (const held of state.takeHeld().filter(isTrue)) {
    const cause = { ...held, event: EVENT_OF[held.kind] };
    const caused: RoomsTurn["hub"] = {
      name: hub.name,
      now: () => hub.now(),
      publish: causedBy(cause, (publication) => hub.publish(publication)),
      schedule: (key, at) => hub.schedule(key, at),
      cancel: (key) => hub.cancel(key),
    };
    applyHeld({ state, hub: caused }, held);
  }
}
