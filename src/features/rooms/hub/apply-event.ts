import type { z } from "zod";
import { isOldNews, isVoiceKnown, knowledgeAfter } from "../../../gateway/voice-knowledge.ts";
import type { IncomingEvent } from "../../../hub/publisher.ts";
import {
  gatewayState,
  roomCreated,
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import {
  GuildSnapshot,
  SignedRoomUpdated,
  SignedVoiceJoined,
} from "../../../protocol/signed-events.ts";
import {
  hold,
  noteIfMaybeOurs,
  mustWait,
  placesAfterHeld,
  seeAgain,
  eventSubjectOf,
  type Applied,
} from "./held-events.ts";
import { meet } from "./people.ts";
import {
  endRoom,
  forgetIdle,
  join,
  leave,
  roomTask,
  updateRoom,
  watchIfEmpty,
} from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

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

/**
 * Applies one event of the gateway to what the hub knows, and publishes what it changed: nothing for
 * what is known already (rooms.md §2). Payloads were checked at the door.
 */
export function applyEvent(turn: RoomsTurn, event: IncomingEvent): Applied {
  const ts = event.ts ?? turn.hub.now();
  const shown = shownChannel(event);
  if (shown !== null) seeAgain(turn, shown, ts);
  const subject = eventSubjectOf(event);
  if (subject !== null && mustWait(turn, subject)) return hold(turn, subject, event);
  switch (event.event) {
    case roomCreated.name:
      return onChannelCreated(turn, roomCreated.payload.parse(event.payload).channelId);
    case roomUpdated.name:
      return onChannelUpdated(turn, SignedRoomUpdated.parse(event.payload), ts);
    case roomDeleted.name:
      return onChannelDeleted(turn, roomDeleted.payload.parse(event.payload).channelId, ts);
    case voiceJoined.name: {
      return onJoined(turn, SignedVoiceJoined.parse(event.payload), ts);
    }
    case voiceLeft.name: {
      const { userId, channelId } = voiceLeft.payload.parse(event.payload);
      const voice = turn.state.voiceOf(userId);
      if (voice?.channelId === channelId) leave(turn, voice, ts);
      return "done";
    }
    case gatewayState.name:
      onGatewayState(turn, event, ts);
      return "done";
    case "guild.snapshot": {
      const applied = onSnapshot(turn, GuildSnapshot.parse(event.payload), ts);
      if (applied === "done") learn(turn, event);
      return applied;
    }
    default:
      return "done";
  }
}

/** The channel that an event shows to be there; null: none. */
function shownChannel(event: IncomingEvent): string | null {
  switch (event.event) {
    case roomCreated.name:
    case roomUpdated.name:
    case voiceJoined.name:
      return roomDeleted.payload.parse(event.payload).channelId;
    default:
      return null;
  }
}

function onChannelCreated(turn: RoomsTurn, channelId: string): Applied {
  // Whose it is shows when the room is opened, or at the channel's first event after that.
  if (noteIfMaybeOurs(turn, channelId)) return "done";
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
  return "done";
}

function onChannelUpdated(
  turn: RoomsTurn,
  now: { readonly channelId: string; readonly name: string; readonly userLimit: number },
  ts: number,
): Applied {
  const room = turn.state.roomOfChannel(now.channelId);
  if (room !== null) updateRoom(turn, room, now, ts);
  return "done";
}

function onChannelDeleted(turn: RoomsTurn, channelId: string, ts: number): Applied {
  const { state } = turn;
  const room = state.roomOfChannel(channelId);
  if (room !== null) {
    endRoom(turn, room, ts);
    return "done";
  }
  for (const voice of state.membersOf(channelId)) leave(turn, voice, ts);
  state.removeForeign(channelId);
  return "done";
}

function onJoined(turn: RoomsTurn, joined: z.infer<typeof SignedVoiceJoined>, ts: number): Applied {
  const { userId, channelId } = joined;
  meet(turn, joined);
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
  join(turn, { userId, channelId, since: ts }, ts);
  return "done";
}

function onGatewayState(turn: RoomsTurn, event: IncomingEvent, ts: number): void {
  const { state, hub } = turn;
  const now = gatewayState.payload.parse(event.payload);
  if (isOldNews(state.voiceKnowledge(), now)) return;
  learn(turn, event);
  if (state.gateway()?.state === now.state) return;
  // The sender's clock may be ahead of ours.
  const since = Math.min(now.since, hub.now());
  const payload = { ...now, since };
  state.saveGateway({ state: now.state, since });
  hub.publish({ event: gatewayState.name, payload, audience: null, topic: null, ts });
}

/** Whether it is known who is in voice may have changed: empty rooms end only while it is. */
function learn(turn: RoomsTurn, event: IncomingEvent): void {
  const { state, hub } = turn;
  const before = state.voiceKnowledge();
  const after = knowledgeAfter(before, event, hub.now());
  const wasKnown = isVoiceKnown(before);
  state.saveVoiceKnowledge(after);
  if (!wasKnown && !isVoiceKnown(after)) return;
  for (const room of state.roomsIn("open")) {
    if (!isVoiceKnown(after)) forgetIdle(turn, room.id);
    // A snapshot may also tell that whoever is in there is a bot.
    else if (state.emptySince(room.id) === null) watchIfEmpty(turn, room);
  }
}

/** The guild as Discord has it: what differs from what we know is published, and nothing else. */
function onSnapshot(turn: RoomsTurn, snapshot: GuildSnapshot, ts: number): Applied {
  const { state } = turn;
  const channelIds = [
    ...snapshot.channels.map(({ channelId }) => channelId),
    ...snapshot.voiceStates.map(({ channelId }) => channelId),
  ];
  for (const { channelId } of snapshot.channels) seeAgain(turn, channelId, ts);
  applyChannels(turn, snapshot, ts);
  const applied = applyVoiceStates(turn, snapshot, ts);
  if (applied !== "done") return applied;
  const listed = new Set(channelIds);
  for (const channelId of state.foreignChannels()) {
    if (!listed.has(channelId)) state.removeForeign(channelId);
  }
  for (const channelId of listed) {
    if (state.roomOfChannel(channelId) !== null || noteIfMaybeOurs(turn, channelId)) continue;
    state.addForeign(channelId);
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

function applyVoiceStates(turn: RoomsTurn, { voiceStates }: GuildSnapshot, ts: number): Applied {
  const { state, hub } = turn;
  const channelOf = new Map(voiceStates.map(({ userId, channelId }) => [userId, channelId]));
  const placeOf = placesAfterHeld(state);
  const userOf = new Map(voiceStates.map(({ userId, user }) => [userId, user]));
  for (const voice of voiceStates) {
    if (state.voiceOf(voice.userId)?.channelId === voice.channelId) meet(turn, voice);
  }
  // Everybody who left somewhere leaves before anybody joins.
  for (const voice of state.voiceStates()) {
    if (placeOf.has(voice.userId)) continue;
    if (channelOf.get(voice.userId) !== voice.channelId) leave(turn, voice, ts);
  }
  const left = [...placeOf].filter(([userId, at]) => at !== (channelOf.get(userId) ?? null));
  const joined = [...channelOf].filter(([userId, channelId]) => placeOf.get(userId) !== channelId);
  const news = [
    ...left.map(([userId, channelId]) => ({ event: voiceLeft.name, userId, channelId })),
    ...joined.map(([userId, channelId]) => ({ event: voiceJoined.name, userId, channelId })),
  ];
  for (const { event, userId, channelId } of news) {
    if (channelId === null) continue;
    const user = event === voiceJoined.name ? userOf.get(userId) : undefined;
    const payload = { guildId: hub.guildId, channelId, userId, ...(user && { user }) };
    const applied = applyEvent(turn, { event, payload, ts });
    if (applied !== "done") return applied;
  }
  return "done";
}
