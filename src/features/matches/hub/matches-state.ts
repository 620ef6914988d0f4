import { type Faction, FACTIONS, Match } from "../../../protocol/match.ts";
import type { MatchRecord } from "../ports.ts";
import type { Remembered } from "./match-diff.ts";

/** A match as a guild's hub keeps it. */
type KeptMatch = Remembered & {
  readonly matchId: string;
  readonly revision: number;
  readonly state: "live" | "ended";
  /** When the hub learned of the end, milliseconds since 1970; null while it is live. */
  readonly endedAt: number | null;
};

/** A linked player of a live match. */
export type PlayingUser = { readonly userId: string; readonly faction: Faction };

/** A live match of a user, and its channels in which the user belongs. */
type Playing = { readonly matchId: string; readonly ownChannelIds: readonly string[] };

/** The matches of a guild, as its hub stores them. */
export interface MatchesState {
  match(matchId: string): KeptMatch | null;
  /** Live matches, newest first. */
  liveMatches(limit: number): readonly MatchRecord[];
  hasLiveMatch(): boolean;
  /** Whether a match ended after this time, milliseconds since 1970. */
  endedSince(time: number): boolean;
  saveMatch(match: KeptMatch): void;
  removeMatch(matchId: string): void;

  /** Live matches of which this is a side's channel. */
  liveMatchesIn(channelId: string): readonly string[];
  /** The channels of live matches. */
  liveChannels(): readonly { readonly matchId: string; readonly channelId: string }[];
  /** Live matches in which this Discord user plays. */
  playing(userId: string): readonly Playing[];
  /** Replaces the linked players of a match. */
  savePlayers(matchId: string, players: readonly PlayingUser[]): void;

  /** Whether the sweep is scheduled. */
  isSweeping(): boolean;
  setSweeping(isSweeping: boolean): void;
}

/** Creates the tables of the matches extension. Runs again at each wake. */
export function createMatchesTables(sql: SqlStorage): false {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS matches_match (
      match_id TEXT PRIMARY KEY,
      revision INTEGER NOT NULL,
      state TEXT NOT NULL,
      announced INTEGER NOT NULL,
      created_at INTEGER,
      ended_at INTEGER,
      channel1 TEXT,
      channel2 TEXT,
      record TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS matches_match_state ON matches_match (state, created_at, match_id);
    CREATE INDEX IF NOT EXISTS matches_match_ended ON matches_match (ended_at);
    CREATE INDEX IF NOT EXISTS matches_match_channel1 ON matches_match (channel1);
    CREATE INDEX IF NOT EXISTS matches_match_channel2 ON matches_match (channel2);
    CREATE TABLE IF NOT EXISTS matches_player (
      match_id TEXT NOT NULL,
      faction TEXT NOT NULL,
      user_id TEXT NOT NULL,
      PRIMARY KEY (match_id, faction, user_id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS matches_player_user ON matches_player (user_id);
    CREATE TABLE IF NOT EXISTS matches_sweep (one INTEGER PRIMARY KEY CHECK (one = 1)) STRICT;
  `);
  return false;
}

type MatchRow = {
  match_id: string;
  revision: number;
  state: string;
  announced: number;
  ended_at: number | null;
  record: string | null;
};

/** {@link MatchesState} in the SQLite of a guild's hub. */
export function sqlMatchesState(sql: SqlStorage): MatchesState {
  const isAny = (query: string, ...bindings: readonly (string | number)[]): boolean =>
    sql.exec(query, ...bindings).toArray().length > 0;
  const texts = (query: string, ...bindings: readonly string[]): string[] =>
    sql
      .exec<{ text: string }>(query, ...bindings)
      .toArray()
      .map(({ text }) => text);

  return {
    match: (matchId) => {
      const [row] = sql
        .exec<MatchRow>(
          `SELECT match_id, revision, state, announced, ended_at, record
           FROM matches_match WHERE match_id = ?`,
          matchId,
        )
        .toArray();
      return row === undefined ? null : keptOf(row);
    },
    liveMatches: (limit) =>
      sql
        .exec<{ record: string }>(
          `SELECT record FROM matches_match WHERE state = 'live' AND record IS NOT NULL
           ORDER BY created_at DESC, match_id DESC LIMIT ?`,
          limit,
        )
        .toArray()
        .map(({ record }) => Match.parse(JSON.parse(record))),
    hasLiveMatch: () => isAny("SELECT 1 FROM matches_match WHERE state = 'live' LIMIT 1"),
    endedSince: (time) => isAny("SELECT 1 FROM matches_match WHERE ended_at > ? LIMIT 1", time),
    saveMatch: ({ matchId, revision, state, announced, endedAt, record }) => {
      const [channel1, channel2] = FACTIONS.map((faction) => record?.factions[faction].room);
      sql.exec(
        `INSERT OR REPLACE INTO matches_match
           (match_id, revision, state, announced, created_at, ended_at, channel1, channel2, record)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        matchId,
        revision,
        state,
        announced ? 1 : 0,
        record === null ? null : Date.parse(record.createdAt),
        endedAt,
        channel1?.channelId ?? null,
        channel2?.channelId ?? null,
        record === null ? null : JSON.stringify(record),
      );
    },
    removeMatch: (matchId) => {
      sql.exec("DELETE FROM matches_match WHERE match_id = ?", matchId);
      sql.exec("DELETE FROM matches_player WHERE match_id = ?", matchId);
    },

    liveMatchesIn: (channelId) =>
      texts(
        `SELECT match_id AS text FROM matches_match
         WHERE (channel1 = ?1 OR channel2 = ?1) AND state = 'live'`,
        channelId,
      ),
    liveChannels: () =>
      sql
        .exec<{ match_id: string; channel1: string | null; channel2: string | null }>(
          "SELECT match_id, channel1, channel2 FROM matches_match WHERE state = 'live'",
        )
        .toArray()
        .flatMap(({ match_id: matchId, channel1, channel2 }) =>
          [channel1, channel2].flatMap((channelId) =>
            channelId === null ? [] : [{ matchId, channelId }],
          ),
        ),
    playing: (userId) => {
      const rows = sql
        .exec<{ match_id: string; channel_id: string | null }>(
          `SELECT match_id, CASE faction WHEN 'faction1' THEN channel1 ELSE channel2 END AS channel_id
           FROM matches_player JOIN matches_match USING (match_id) WHERE user_id = ?`,
          userId,
        )
        .toArray();
      return [...new Set(rows.map(({ match_id }) => match_id))].map((matchId) => ({
        matchId,
        ownChannelIds: rows.flatMap(({ match_id, channel_id }) =>
          match_id === matchId && channel_id !== null ? [channel_id] : [],
        ),
      }));
    },
    savePlayers: (matchId, players) => {
      sql.exec("DELETE FROM matches_player WHERE match_id = ?", matchId);
      for (const { userId, faction } of players) {
        sql.exec(
          "INSERT OR IGNORE INTO matches_player (match_id, faction, user_id) VALUES (?, ?, ?)",
          matchId,
          faction,
          userId,
        );
      }
    },

    isSweeping: () => isAny("SELECT 1 FROM matches_sweep"),
    setSweeping: (isSweeping) => {
      if (isSweeping) sql.exec("INSERT OR IGNORE INTO matches_sweep (one) VALUES (1)");
      else sql.exec("DELETE FROM matches_sweep");
    },
  };
}

function keptOf(row: MatchRow): KeptMatch {
  return {
    matchId: row.match_id,
    revision: row.revision,
    state: row.state === "live" ? "live" : "ended",
    announced: row.announced === 1,
    endedAt: row.ended_at,
    record: row.record === null ? null : Match.parse(JSON.parse(row.record)),
  };
}
