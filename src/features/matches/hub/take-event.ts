import { knowledgeAfter } from "../../../gateway/voice-knowledge.ts";
import type { IncomingEvent } from "../../../hub/publisher.ts";
import {
  gatewayState,
  roomDeleted,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import { GuildSnapshot, SignedVoiceJoined } from "../../../protocol/signed-events.ts";
import { matchTask, type MatchesTurn } from "./put-match.ts";

/** Kinds of signed events that tell who is in voice, and which channels there are. */
export const TAKEN_EVENTS = [
  voiceJoined.name,
  voiceLeft.name,
  roomDeleted.name,
  gatewayState.name,
  "guild.snapshot",
] as const;

/**
 * Takes one event of the gateway: remembers who is in voice, and has the rooms of matches look where it
 * concerns them. Publishes nothing: voice events are another area's. Payloads were checked at the door.
 */
export function takeEvent(turn: MatchesTurn, event: IncomingEvent): void {
  const before = turn.state.voiceKnowledge();
  const after = knowledgeAfter(before, event, turn.hub.now());
  if (after !== before) turn.state.saveVoiceKnowledge(after);
  switch (event.event) {
    case voiceJoined.name: {
      const { userId, channelId, user } = SignedVoiceJoined.parse(event.payload);
      moved(turn, userId, channelId, user?.bot);
      return;
    }
    case voiceLeft.name: {
      const { userId, channelId } = voiceLeft.payload.parse(event.payload);
      // Of an older channel it tells nothing: he is somewhere else by now.
      if (turn.state.channelOf(userId) === channelId) moved(turn, userId, null);
      return;
    }
    case roomDeleted.name: {
      const { channelId } = roomDeleted.payload.parse(event.payload);
      for (const userId of turn.state.membersOf(channelId)) moved(turn, userId, null);
      for (const matchId of turn.state.liveMatchesIn(channelId)) check(turn, matchId);
      return;
    }
    case "guild.snapshot":
      onSnapshot(turn, GuildSnapshot.parse(event.payload));
  }
}

/** The guild as Discord has it. */
function onSnapshot(turn: MatchesTurn, { channels, voiceStates }: GuildSnapshot): void {
  const { state } = turn;
  const inVoice = new Set(voiceStates.map(({ userId }) => userId));
  for (const { userId } of state.voice()) {
    if (!inVoice.has(userId)) moved(turn, userId, null);
  }
  for (const { userId, channelId, user } of voiceStates) moved(turn, userId, channelId, user?.bot);
  // It may be older than a channel that it does not show: whoever looks finds the channel there.
  const listed = new Set(channels.map(({ channelId }) => channelId));
  for (const { matchId, channelId } of state.liveChannels()) {
    if (!listed.has(channelId)) check(turn, matchId);
  }
}

/** A user is in this channel now; null: in none. @param isBot as far as Discord told: it also learns late */
function moved(turn: MatchesTurn, userId: string, to: string | null, isBot = false): void {
  const { state } = turn;
  const from = state.channelOf(userId);
  if (from === to && isBot === state.isBot(userId)) return;
  if (to === null) state.removeVoice(userId);
  else state.saveVoice({ userId, channelId: to, isBot });
  if (from === to) return;
  for (const { matchId, ownChannelIds } of state.playing(userId)) {
    const isElsewhere = (channelId: string | null): boolean =>
      channelId !== null && !ownChannelIds.includes(channelId);
    if (isElsewhere(from) || isElsewhere(to)) {
      turn.hub.schedule(matchTask.look(matchId), turn.hub.now());
    }
  }
}

function check({ hub }: MatchesTurn, matchId: string): void {
  hub.schedule(matchTask.check(matchId), hub.now());
}
