import type { IncomingEvent } from "../../../hub/publisher.ts";
import {
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import { HELD_EVENTS_MAX } from "../../../protocol/limits.ts";
import { roomTask } from "./room-changes.ts";
import type { EventSubject, RoomsState, RoomsTurn } from "./rooms-state.ts";

/** A publisher whose event the hub may not keep sends it again after this, milliseconds. */
export const HOLD_MS = 250;

/** What became of an event: it is in the state or held, or must come again after some milliseconds. */
export type Applied = "done" | { readonly holdMs: number };

/** What an event is about, if it can be one of a channel that nobody can place yet; null: it cannot. */
export function eventSubjectOf(event: IncomingEvent): EventSubject | null {
  switch (event.event) {
    case voiceJoined.name:
    case voiceLeft.name: {
      const { channelId, userId } = voiceLeft.payload.parse(event.payload);
      return { channelId, userId };
    }
    case roomUpdated.name:
    case roomDeleted.name:
      return { channelId: roomDeleted.payload.parse(event.payload).channelId, userId: null };
    default:
      return null;
  }
}

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

/** Whether an event must wait: its channel may be ours, or it comes after one that waits. */
export function mustWait(turn: RoomsTurn, subject: EventSubject): boolean {
  return noteIfMaybeOurs(turn, subject.channelId) || turn.state.isAfterHeld(subject);
}

/**
 * Keeps an event until the creation is settled that its channel may come from. The publisher goes on, and so
 * do the other channels. Discord is asked at once what became of the creation: its request may be dead.
 */
export function hold(turn: RoomsTurn, subject: EventSubject, event: IncomingEvent): Applied {
  const { state, hub } = turn;
  if (state.heldCount() >= HELD_EVENTS_MAX) return { holdMs: HOLD_MS };
  if (!state.isAfterHeld({ channelId: subject.channelId, userId: null })) {
    for (const id of state.candidatesOf(subject.channelId) ?? []) {
      if (state.room(id)?.state === "creating") hub.schedule(roomTask.repair(id), hub.now());
    }
  }
  const { id, event: name, payload, ts, trace } = event;
  state.hold({
    ...subject,
    event: {
      event: name,
      payload,
      ts: ts ?? hub.now(),
      ...(id === undefined ? {} : { id }),
      ...(trace === undefined ? {} : { trace }),
    },
  });
  return "done";
}

/** Where people are after the events that wait, if these concern them: by user id; null: in no channel. */
export function placesAfterHeld(state: RoomsState): ReadonlyMap<string, string | null> {
  const places = new Map<string, string | null>();
  const placeOf = (userId: string): string | null => {
    const known = places.get(userId);
    return known === undefined ? (state.voiceOf(userId)?.channelId ?? null) : known;
  };
  for (const { userId, channelId, event } of state.heldEvents()) {
    if (userId !== null) {
      const isLeaving = event.event === voiceLeft.name;
      const stays = placeOf(userId) === channelId ? null : placeOf(userId);
      places.set(userId, isLeaving ? stays : channelId);
    } else if (event.event === roomDeleted.name) {
      const inside = [...places.keys(), ...state.membersOf(channelId).map((one) => one.userId)];
      for (const one of inside) if (placeOf(one) === channelId) places.set(one, null);
    }
  }
  return places;
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
