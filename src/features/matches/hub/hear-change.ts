import type { GuildChange } from "../../../gateway/guild-changes.ts";
import { matchTask, type MatchesTurn } from "./put-match.ts";

/**
 * Has the rooms of matches look where a change of the guild concerns them. Publishes nothing: voice events are
 * another area's.
 */
export function hearChange(turn: MatchesTurn, change: GuildChange): void {
  const { state } = turn;
  switch (change.kind) {
    case "joined":
    case "left":
      for (const { matchId, ownChannelIds } of state.playing(change.userId)) {
        if (ownChannelIds.includes(change.channelId)) continue;
        turn.hub.schedule(matchTask.look(matchId), turn.hub.now());
      }
      return;
    case "channel_deleted":
      for (const matchId of state.liveMatchesIn(change.channelId)) check(turn, matchId);
      return;
    case "channels_listed": {
      // It may be older than a channel that it does not show: whoever looks finds the channel there.
      const listed = new Set(change.channels.map(({ channelId }) => channelId));
      for (const { matchId, channelId } of state.liveChannels()) {
        if (!listed.has(channelId)) check(turn, matchId);
      }
    }
  }
}

function check({ hub }: MatchesTurn, matchId: string): void {
  hub.schedule(matchTask.check(matchId), hub.now());
}
