import type { GuildChange } from "../../../gateway/guild-changes.ts";
import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { Taken } from "../../../hub/extension.ts";
import { hold, mustWait, noteIfMaybeOurs, seeAgain } from "./held-changes.ts";
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
import type { HeldChange, RoomsState, RoomsTurn } from "./rooms-state.ts";

/**
 * A snapshot may have been taken before a room was opened whose creation it does not show: clocks
 * differ and outboxes wait. A room younger than this at the snapshot's time, in milliseconds, does not
 * end by being absent; Discord is asked about it after that time.
 */
export const SNAPSHOT_MARGIN_MS = 15_000;

/**
 * Takes a change of the guild, and publishes what it means to readers; what concerns a channel that may
 * become one of our rooms waits until that is known.
 */
export function applyChange(turn: RoomsTurn, change: GuildChange): Taken {
  switch (change.kind) {
    case "channel_created":
      seeAgain(turn, change.channelId, change.ts);
      onChannelCreated(turn, change.channelId);
      return "done";
    case "channel_updated":
    case "channel_deleted":
    case "joined":
    case "left":
      return applyOrHold(turn, change, toldBefore(turn.state, change));
    case "seen":
      return onSeen(turn, change);
    case "channels_listed":
      onChannelsListed(turn, change);
      return "done";
    case "snapshot_done":
      onSnapshotDone(turn, change.channelIds);
      return "done";
    case "voice_known":
      onVoiceKnown(turn, change.isKnown);
      return "done";
  }
}

/**
 * Where readers think that somebody was before a change; null: in no channel, or the change is of nobody.
 * The guild's voice has moved on already: it is what they think unless they were told something else.
 */
function toldBefore(state: RoomsState, change: HeldChange): VoiceState | null {
  if (change.kind !== "joined" && change.kind !== "left") return null;
  if (state.isToldApart(change.userId)) return state.voiceOf(change.userId);
  return change.kind === "left" ? change : null;
}

/** What waited for something happens now, unless it has to go on waiting. */
export function applyHeld(turn: RoomsTurn, change: HeldChange): void {
  const told = "userId" in change ? turn.state.voiceOf(change.userId) : null;
  applyOrHold(turn, change, told);
}

function applyOrHold(turn: RoomsTurn, change: HeldChange, told: VoiceState | null): Taken {
  const { state } = turn;
  const { channelId, ts } = change;
  const shows = change.kind === "joined" || change.kind === "channel_updated";
  if (shows) seeAgain(turn, channelId, ts);
  if (mustWait(turn, change)) {
    if ("userId" in change) state.saveTold(change.userId, told);
    return hold(turn, change);
  }
  const room = state.roomOfChannel(channelId);
  switch (change.kind) {
    case "channel_updated":
      if (room !== null) updateRoom(turn, room, change, ts);
      return "done";
    case "channel_deleted":
      if (room !== null) endRoom(turn, room, ts);
      else state.removeForeign(channelId);
      return "done";
    case "joined":
      meet(turn, change);
      if (room === null) state.addForeign(channelId);
      join(turn, told, { userId: change.userId, channelId, since: ts }, ts);
      return "done";
    case "left":
      if (told?.channelId === channelId) leave(turn, told, ts);
      else state.saveTold(change.userId, told);
      return "done";
  }
}

function onChannelCreated(turn: RoomsTurn, channelId: string): void {
  // Whose it is shows when the room is opened, or at the channel's first event after that.
  if (noteIfMaybeOurs(turn, channelId)) return;
  if (turn.state.roomOfChannel(channelId) === null) turn.state.addForeign(channelId);
}

/** Somebody is where the guild's voice has him already; readers may have been told less. */
function onSeen(turn: RoomsTurn, change: Extract<GuildChange, { kind: "seen" }>): Taken {
  const told = turn.state.voiceOf(change.userId);
  if (told?.channelId === change.channelId) {
    meet(turn, change);
    return "done";
  }
  // What waits will tell it.
  if (turn.state.isWaiting(change.userId)) return "done";
  return applyOrHold(turn, { ...change, kind: "joined" }, told);
}

/** The guild as Discord has it: what differs from what we know is published, and nothing else. */
function onChannelsListed(
  turn: RoomsTurn,
  { channels, ts }: Extract<GuildChange, { kind: "channels_listed" }>,
): void {
  const { state, hub } = turn;
  for (const { channelId } of channels) seeAgain(turn, channelId, ts);
  const listed = new Map(channels.map((channel) => [channel.channelId, channel]));
  for (const room of state.roomsIn("open")) {
    const channel = room.channelId === null ? undefined : listed.get(room.channelId);
    if (channel !== undefined) updateRoom(turn, room, channel, ts);
    else if ((room.openedAt ?? room.createdAt) <= ts - SNAPSHOT_MARGIN_MS) endRoom(turn, room, ts);
    else hub.schedule(roomTask.check(room.id), hub.now() + SNAPSHOT_MARGIN_MS);
  }
}

function onSnapshotDone(turn: RoomsTurn, channelIds: ReadonlySet<string>): void {
  const { state } = turn;
  for (const channelId of state.foreignChannels()) {
    if (!channelIds.has(channelId)) state.removeForeign(channelId);
  }
  for (const channelId of channelIds) onChannelCreated(turn, channelId);
}

/** Empty rooms end only while it is known who is in voice. */
function onVoiceKnown(turn: RoomsTurn, isKnown: boolean): void {
  for (const room of turn.state.roomsIn("open")) {
    if (!isKnown) forgetIdle(turn, room.id);
    // A snapshot may also tell that whoever is in there is a bot.
    else if (turn.state.emptySince(room.id) === null) watchIfEmpty(turn, room);
  }
}
