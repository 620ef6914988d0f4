import { signal } from "@preact/signals";
import type { Match } from "../../src/client/match.ts";

/** Names by id of user or channel. Events carry ids only; the local Discord tells more. */
export const names = signal<ReadonlyMap<string, string>>(new Map());

/** What a user is called on the page: the id where nobody knows more. */
export function nameOf(userId: string): string {
  return names.value.get(userId) ?? userId;
}

/** So many channels of matches are remembered, the newest. */
const MATCH_CHANNELS_MAX = 1_000;

const matchChannels = new Map<string, string>();

/** Keeps what the channels of matches are called: what is told of them later has their ids only. */
export function rememberChannels(matches: Iterable<Match>): void {
  for (const { factions } of matches) {
    for (const { room } of [factions.faction1, factions.faction2]) {
      if (room !== null) matchChannels.set(room.channelId, room.name);
    }
  }
  for (const oldest of matchChannels.keys()) {
    if (matchChannels.size <= MATCH_CHANNELS_MAX) return;
    matchChannels.delete(oldest);
  }
}

/** What a channel is called, if anybody has told. */
export function channelName(channelId: string): string | undefined {
  return names.value.get(channelId) ?? matchChannels.get(channelId);
}
