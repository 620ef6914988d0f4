import type { GuildChange } from "../../../gateway/guild-changes.ts";
import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { Taken } from "../../../hub/extension.ts";
import { HELD_EVENTS_MAX } from "../../../protocol/limits.ts";
import { type HeldChange, subjectOf } from "./held-change.ts";
import { rememberPerson } from "./people.ts";
import {
  endRoom,
  forgetIdle,
  join,
  leave,
  roomTask,
  updateRoom,
  watchIfEmpty,
} from "./room-changes.ts";
import type { RoomsState, RoomsTurn } from "./rooms-state.ts";

/**
 * A snapshot may be older than a room that it does not show, because clocks differ and outboxes are delayed. A
 * room younger than this at the snapshot's time, milliseconds, does not end by being absent: Discord is asked
 * about it after this time.
 */
export const SNAPSHOT_MARGIN_MS = 15_000;

/**
 * Applies a change of the guild to the rooms, and publishes it. A change of a channel that may become one of our
 * rooms is held until that is decided.
 */
export function applyChange(turn: RoomsTurn, change: GuildChange): Taken {
  switch (change.kind) {
    case "channel_created":
      recheckEndedRoom(turn, change.channelId, change.ts);
      onChannelCreated(turn, change.channelId);
      return "done";
    case "channel_updated":
    case "channel_deleted":
    case "joined":
    case "left":
      return applyOrHold(turn, change, publishedBefore(turn.state, change));
    case "seen":
      return onSeen(turn, change);
    case "channels_listed":
      onChannelsListed(turn, change);
      return "done";
    case "snapshot_done":
      onSnapshotDone(turn, change);
      return "done";
    case "voice_known":
      onVoiceKnown(turn, change.isKnown);
      return "done";
  }
}

/**
 * Where readers last saw the user of a change; null: in no channel, or the change is not about a user. The
 * guild's voice already contains the change, and readers saw what it said before unless they are behind.
 */
function publishedBefore(state: RoomsState, change: HeldChange): VoiceState | null {
  if (change.kind !== "joined" && change.kind !== "left") return null;
  if (state.isPublishedVoiceBehind(change.userId)) return state.publishedVoiceOf(change.userId);
  return change.kind === "left" ? change : null;
}

/** Applies a held change, or holds it again. */
export function applyHeld(turn: RoomsTurn, change: HeldChange): void {
  const told = "userId" in change ? turn.state.publishedVoiceOf(change.userId) : null;
  applyOrHold(turn, change, told);
}

function applyOrHold(turn: RoomsTurn, change: HeldChange, told: VoiceState | null): Taken {
  const { state } = turn;
  const { channelId, ts } = change;
  const shows = change.kind === "joined" || change.kind === "channel_updated";
  if (shows) recheckEndedRoom(turn, channelId, ts);
  if (mustWait(turn, change)) {
    if ("userId" in change) state.savePublishedVoice(change.userId, told);
    return hold(turn, change);
  }
  const room = state.roomOfChannel(channelId);
  switch (change.kind) {
    case "channel_updated":
      if (room !== null) updateRoom(turn, room, change, ts);
      return "done";
    case "channel_deleted":
      if (room !== null) {
        endRoom(turn, room, ts);
        return "done";
      }
      // Of a change that an older version held, nobody has left before.
      for (const voice of state.membersOf(channelId)) leave(turn, voice, ts);
      state.removeForeign(channelId);
      return "done";
    case "joined":
      rememberPerson(turn, change);
      if (room === null) state.addForeign(channelId);
      join(turn, told, { userId: change.userId, channelId, since: ts }, ts);
      return "done";
    case "left":
      if (told?.channelId === channelId) leave(turn, told, ts);
      else state.savePublishedVoice(change.userId, told);
      return "done";
  }
}

function onChannelCreated(turn: RoomsTurn, channelId: string): void {
  // When the room opens, or at the channel's first event after that, it is decided whether the channel is ours.
  if (noteIfMaybeRoom(turn, channelId)) return;
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
}

/** Handles a user who is already in this channel by the guild's voice, which readers may not know yet. */
function onSeen(turn: RoomsTurn, change: Extract<GuildChange, { kind: "seen" }>): Taken {
  const told = turn.state.publishedVoiceOf(change.userId);
  if (told?.channelId === change.channelId) {
    rememberPerson(turn, change);
    return "done";
  }
  // A held change will publish it.
  if (turn.state.isWaiting(change.userId)) return "done";
  return applyOrHold(turn, { ...change, kind: "joined" }, told);
}

/** Updates and ends rooms by a snapshot's channels. Only differences are published. */
function onChannelsListed(
  turn: RoomsTurn,
  { channels, ts }: Extract<GuildChange, { kind: "channels_listed" }>,
): void {
  const { state, hub } = turn;
  for (const { channelId } of channels) recheckEndedRoom(turn, channelId, ts);
  const listed = new Map(channels.map((channel) => [channel.channelId, channel]));
  for (const room of state.roomsIn("open")) {
    const channel = room.channelId === null ? undefined : listed.get(room.channelId);
    if (channel !== undefined) updateRoom(turn, room, channel, ts);
    else if ((room.openedAt ?? room.createdAt) <= ts - SNAPSHOT_MARGIN_MS) endRoom(turn, room, ts);
    else hub.schedule(roomTask.check(room.id), hub.now() + SNAPSHOT_MARGIN_MS);
  }
}

function onSnapshotDone(
  turn: RoomsTurn,
  { channelIds, ts }: Extract<GuildChange, { kind: "snapshot_done" }>,
): void {
  const { state } = turn;
  for (const voice of state.unexplainedVoice()) leave(turn, voice, ts);
  for (const channelId of state.foreignChannels()) {
    if (!channelIds.has(channelId)) state.removeForeign(channelId);
  }
  for (const channelId of channelIds) onChannelCreated(turn, channelId);
}

/** Starts or stops the idle time of empty rooms: it runs only while everybody in voice is known. */
function onVoiceKnown(turn: RoomsTurn, isKnown: boolean): void {
  for (const room of turn.state.roomsIn("open")) {
    if (!isKnown) forgetIdle(turn, room.id);
    // Also if voice was known before: a snapshot may show that everybody inside is a bot.
    else if (turn.state.emptySince(room.id) === null) watchIfEmpty(turn, room);
  }
}

/** When a publisher sends an event again that the hub has no space to hold, milliseconds. */
export const HOLD_MS = 250;

/**
 * Whether this may be the channel of a room that is being created: then it is unknown who may see it, and
 * `room.created` must come first. The rooms that are being created when the channel is first seen are noted as
 * its candidates. Later ones cannot be, so a foreign channel does not wait for rooms that people go on creating.
 */
function noteIfMaybeRoom({ state }: RoomsTurn, channelId: string): boolean {
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
function recheckEndedRoom({ state, hub }: RoomsTurn, channelId: string, ts: number): void {
  const room = state.roomOfChannel(channelId);
  if (room?.state !== "ended" || ts <= (room.endedAt ?? 0)) return;
  if (state.candidatesOf(channelId) !== null) return;
  state.saveCandidates(channelId, [room.id]);
  hub.schedule(roomTask.check(room.id), hub.now());
}

/** Whether to hold a change: its channel may be ours, or it must stay behind a held change. */
function mustWait(turn: RoomsTurn, change: HeldChange): boolean {
  return noteIfMaybeRoom(turn, change.channelId) || turn.state.isAfterHeld(subjectOf(change));
}

/**
 * Holds a change until its channel is decided. The publisher and other channels need not wait. The first held
 * change of a channel has its candidates looked for at once, because their requests may be dead.
 */
function hold({ state, hub }: RoomsTurn, change: HeldChange): Taken {
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
