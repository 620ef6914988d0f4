import { causedBy } from "../../../hub/publisher.ts";
import { audienceOf } from "../room-record.ts";
import { applyEvent } from "./apply-event.ts";
import { settleChannels } from "./held-events.ts";
import { changeRoom, roomTask, watchIdle } from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

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
    name: channel.name,
    state: "open",
    openedAt: hub.now(),
  });
  const { guildId } = hub;
  hub.publish({
    event: "room.created",
    payload: { channelId: channel.id, name: channel.name, guildId },
    audience: audienceOf(open),
    topic: channel.id,
  });
  watchIdle(turn, open);
  release(turn);
  return true;
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

/** A creation is settled: what waited for it happens now, in its order; the rest goes on waiting. */
function release(turn: RoomsTurn): void {
  settleChannels(turn);
  for (const { event } of turn.state.takeHeld()) {
    const hub = { ...turn.hub, publish: causedBy(event, turn.hub.publish) };
    applyEvent({ state: turn.state, hub }, event);
  }
}
