import type { IncomingEvent } from "../../../hub/publisher.ts";
import {
  gatewayState,
  roomCreated,
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import { GuildSnapshot } from "../../../protocol/signed-events.ts";
import { endRoom, join, leave, roomTask, updateRoom } from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/** While a room is being made, events of a channel we do not know wait this long, milliseconds. */
export const HOLD_MS = 250;

/**
 * A snapshot may have been taken before a room was opened whose creation it does not show: clocks
 * differ and outboxes wait. A room younger than this at the snapshot's time, in milliseconds, does not
 * end by being absent; Discord is asked about it after that time.
 */
export const SNAPSHOT_MARGIN_MS = 15_000;

/** Kinds of signed events that change rooms, in the guild's hub. */
export const APPLIED_EVENTS = [
  roomCreated.name,
  roomUpdated.name,
  roomDeleted.name,
  voiceJoined.name,
  voiceLeft.name,
  gatewayState.name,
  "guild.snapshot",
] as const;

/** What became of an event: it is in the state, or must come again after some milliseconds. */
export type Applied = "done" | { readonly holdMs: number };

/**
 * Applies one event of the gateway to what the hub knows, and publishes what it changed: nothing for
 * what is known already (rooms.md §2). Payloads were checked at the door.
 */
export function applyEvent(turn: RoomsTurn, event: IncomingEvent): Applied {
  const ts = event.ts ?? turn.hub.now();
  switch (event.event) {
    case roomCreated.name:
      return onChannelCreated(turn, roomCreated.payload.parse(event.payload).channelId);
    case roomUpdated.name:
      return onChannelUpdated(turn, roomUpdated.payload.parse(event.payload), ts);
    case roomDeleted.name:
      return onChannelDeleted(turn, roomDeleted.payload.parse(event.payload).channelId, ts);
    case voiceJoined.name: {
      const { userId, channelId } = voiceJoined.payload.parse(event.payload);
      return onJoined(turn, userId, channelId, ts);
    }
    case voiceLeft.name: {
      const { userId, channelId } = voiceLeft.payload.parse(event.payload);
      const voice = turn.state.voiceOf(userId);
      if (voice?.channelId === channelId) leave(turn, voice, ts);
      return "done";
    }
    case gatewayState.name:
      return onGatewayState(turn, event, ts);
    case "guild.snapshot":
      return onSnapshot(turn, GuildSnapshot.parse(event.payload), ts);
    default:
      return "done";
  }
}

/**
 * Whether this may be the channel of a room that is being made: nobody can tell yet who may see it,
 * and `room.created` has to come first.
 */
function mayBeOurs({ state }: RoomsTurn, channelId: string): boolean {
  return (
    state.roomOfChannel(channelId) === null &&
    !state.isForeign(channelId) &&
    state.roomsIn("creating").length > 0
  );
}

function onChannelCreated(turn: RoomsTurn, channelId: string): Applied {
  // Whose it is shows when the room is opened, or at the channel's first event after that.
  if (mayBeOurs(turn, channelId)) return "done";
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
  return "done";
}

function onChannelUpdated(
  turn: RoomsTurn,
  now: { readonly channelId: string; readonly name: string; readonly userLimit: number },
  ts: number,
): Applied {
  if (mayBeOurs(turn, now.channelId)) return { holdMs: HOLD_MS };
  const room = turn.state.roomOfChannel(now.channelId);
  if (room !== null) updateRoom(turn, room, now, ts);
  return "done";
}

function onChannelDeleted(turn: RoomsTurn, channelId: string, ts: number): Applied {
  const { state } = turn;
  if (mayBeOurs(turn, channelId)) return { holdMs: HOLD_MS };
  const room = state.roomOfChannel(channelId);
  if (room !== null) {
    endRoom(turn, room, ts);
    return "done";
  }
  for (const voice of state.membersOf(channelId)) leave(turn, voice, ts);
  state.removeForeign(channelId);
  return "done";
}

function onJoined(turn: RoomsTurn, userId: string, channelId: string, ts: number): Applied {
  if (mayBeOurs(turn, channelId)) return { holdMs: HOLD_MS };
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
  join(turn, { userId, channelId, since: ts }, ts);
  return "done";
}

function onGatewayState({ state, hub }: RoomsTurn, event: IncomingEvent, ts: number): Applied {
  const now = gatewayState.payload.parse(event.payload);
  if (state.gateway()?.state === now.state) return "done";
  state.saveGateway({ state: now.state, since: now.since });
  hub.publish({ event: gatewayState.name, payload: now, audience: null, topic: null, ts });
  return "done";
}

/** The guild as Discord has it: what differs from what we know is published, and nothing else. */
function onSnapshot(turn: RoomsTurn, snapshot: GuildSnapshot, ts: number): Applied {
  const { state } = turn;
  const channelIds = [
    ...snapshot.channels.map(({ channelId }) => channelId),
    ...snapshot.voiceStates.map(({ channelId }) => channelId),
  ];
  if (channelIds.some((channelId) => mayBeOurs(turn, channelId))) return { holdMs: HOLD_MS };
  applyChannels(turn, snapshot, ts);
  applyVoiceStates(turn, snapshot, ts);
  const listed = new Set(channelIds);
  for (const channelId of state.foreignChannels()) {
    if (!listed.has(channelId)) state.removeForeign(channelId);
  }
  for (const channelId of listed) {
    if (state.roomOfChannel(channelId) === null) state.addForeign(channelId);
  }
  return "done";
}

function applyChannels(turn: RoomsTurn, { channels }: GuildSnapshot, ts: number): void {
  const { state, hub } = turn;
  const listed = new Map(channels.map((channel) => [channel.channelId, channel]));
  for (const room of state.roomsIn("open")) {
    const channel = room.channelId === null ? undefined : listed.get(room.channelId);
    if (channel !== undefined) updateRoom(turn, room, channel, ts);
    else if ((room.openedAt ?? room.createdAt) <= ts - SNAPSHOT_MARGIN_MS) endRoom(turn, room, ts);
    else hub.schedule(roomTask.check(room.id), hub.now() + SNAPSHOT_MARGIN_MS);
  }
}

function applyVoiceStates(turn: RoomsTurn, { voiceStates }: GuildSnapshot, ts: number): void {
  const { state } = turn;
  const channelOf = new Map(voiceStates.map(({ userId, channelId }) => [userId, channelId]));
  // Everybody who left somewhere leaves before anybody joins.
  for (const voice of state.voiceStates()) {
    if (channelOf.get(voice.userId) !== voice.channelId) leave(turn, voice, ts);
  }
  for (const [userId, channelId] of channelOf) {
    join(turn, { userId, channelId, since: ts }, ts);
  }
}
