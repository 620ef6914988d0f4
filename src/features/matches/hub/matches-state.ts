import type { Faction } from "../../../protocol/match.ts";
import type { MatchRecord } from "../ports.ts";
import type { Remembered } from "./match-diff.ts";

/** A match as a guild's hub keeps it. */
export type KeptMatch = Remembered & {
  readonly matchId: string;
  readonly revision: number;
  readonly state: "live" | "ended";
  /** When the hub was told that it is over, milliseconds; null while it is live. */
  readonly endedAt: number | null;
};

/** A player of a live match who has linked Discord. */
export type PlayingUser = { readonly userId: string; readonly faction: Faction };

/** Somebody's live match, and the channels there that he belongs into. */
export type Playing = { readonly matchId: string; readonly ownChannelIds: readonly string[] };

/** What a guild's hub knows of matches: the storage contract of the rules beside it. */
export interface MatchesState {
  match(matchId: string): KeptMatch | null;
  /** Live ones, newest first. */
  liveMatches(limit: number): readonly MatchRecord[];
  hasLiveMatch(): boolean;
  /** Whether one ended after this time, milliseconds. */
  endedSince(time: number): boolean;
  saveMatch(match: KeptMatch): void;
  removeMatch(matchId: string): void;

  /** Live matches that one of the sides has this channel in. */
  liveMatchesIn(channelId: string): readonly string[];
  /** The channels of live matches. */
  liveChannels(): readonly { readonly matchId: string; readonly channelId: string }[];
  /** Live matches in which this Discord user plays. */
  playing(userId: string): readonly Playing[];
  /** Replaces who of a match is linked. */
  savePlayers(matchId: string, players: readonly PlayingUser[]): void;

  /** Whether the sweep is scheduled. */
  isSweeping(): boolean;
  setSweeping(isSweeping: boolean): void;
}
