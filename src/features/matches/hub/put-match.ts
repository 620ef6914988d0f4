import type { GuildVoice } from "../../../gateway/guild-voice.ts";
import type { HubTurn } from "../../../hub/extension.ts";
import { MATCH_TOMBSTONE_MS } from "../../../protocol/limits.ts";
import { FACTIONS, type Match } from "../../../protocol/match.ts";
import type { MatchRecord } from "../ports.ts";
import { publicationsOf } from "./match-diff.ts";
import type { MatchesState, PlayingUser } from "./matches-state.ts";

/** The time between sweeps while matches are played, milliseconds. */
export const SWEEP_EVERY_MS = 10 * 60_000;

/** Keys of the extension's tasks. */
export const matchTask = {
  /** Wake the match: a player joined or left voice. */
  look: (matchId: string) => `look/${matchId}`,
  /** Wake the match: one of its channels may have been deleted. */
  check: (matchId: string) => `check/${matchId}`,
  /** Delete an ended match from the hub. */
  forget: (matchId: string) => `forget/${matchId}`,
  sweep: "sweep",
} as const;

/** The stored state and voice, with what a turn of the hub can do. */
export type MatchesTurn = {
  readonly state: MatchesState;
  readonly voice: GuildVoice;
  readonly hub: Pick<HubTurn, "name" | "now" | "publish" | "schedule" | "cancel">;
};

/**
 * Stores the present record of a match and publishes what changed. The same or an older revision changes
 * nothing.
 */
export function putMatch({ state, voice, hub }: MatchesTurn, record: MatchRecord): void {
  const { matchId, revision } = record;
  const before = state.match(matchId);
  if (before !== null && before.revision >= revision) return;
  const isLive = record.state === "live";
  for (const publication of publicationsOf(before, withVoice(voice, record))) {
    hub.publish(publication);
  }
  const hasRoom = FACTIONS.some((faction) => record.factions[faction].room !== null);
  state.saveMatch({
    matchId,
    revision,
    state: record.state,
    announced: isLive || before?.announced === true,
    endedAt: isLive ? null : (before?.endedAt ?? hub.now()),
    // An ended match needs its record until its channels are gone: then nothing can change any more.
    record: isLive || hasRoom ? record : null,
  });
  state.savePlayers(matchId, isLive ? linkedPlayers(record) : []);
  if (isLive) {
    hub.cancel(matchTask.forget(matchId));
    if (!state.isSweeping()) scheduleSweep({ state, hub });
  } else {
    hub.cancel(matchTask.look(matchId));
    hub.cancel(matchTask.check(matchId));
    hub.schedule(matchTask.forget(matchId), hub.now() + MATCH_TOMBSTONE_MS);
  }
}

/** Deletes an ended match. A live one stays: it was reopened since. */
export function forgetMatch({ state }: MatchesTurn, matchId: string): void {
  if (state.match(matchId)?.state === "ended") state.removeMatch(matchId);
}

function scheduleSweep({ state, hub }: Omit<MatchesTurn, "voice">): void {
  state.setSweeping(true);
  hub.schedule(matchTask.sweep, hub.now() + SWEEP_EVERY_MS);
}

/** Schedules the next sweep, until one has run a while after the last match ended. */
export function continueSweeping(turn: MatchesTurn): void {
  const { state, hub } = turn;
  if (state.hasLiveMatch() || state.endedSince(hub.now() - SWEEP_EVERY_MS)) scheduleSweep(turn);
  else state.setSweeping(false);
}

/** Adds to the record who is in its channels. */
export function withVoice(voice: GuildVoice, record: MatchRecord): Match {
  const { faction1, faction2 } = record.factions;
  const inVoice = (channelId: string | undefined): string[] =>
    channelId === undefined
      ? []
      : voice
          .membersOf(channelId)
          .map(({ userId }) => userId)
          .toSorted();
  return {
    ...record,
    factions: {
      faction1: { ...faction1, inVoice: inVoice(faction1.room?.channelId) },
      faction2: { ...faction2, inVoice: inVoice(faction2.room?.channelId) },
    },
  };
}

function linkedPlayers({ factions }: MatchRecord): readonly PlayingUser[] {
  return FACTIONS.flatMap((faction) =>
    factions[faction].players.flatMap(({ discordId }) =>
      discordId === null ? [] : [{ userId: discordId, faction }],
    ),
  );
}
