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
  readonly matchId: string;
  readonly revision: number;
  readonly state: string;
  readonly announced: number;
  readonly endedAt: number | null;
  readonly record: string | null;
};

/** The matches of a guild, in the SQLite of its hub. Only this object writes them while it lives. */
export function sqlMatchesState(sql: SqlStorage) {
  const isAny = (query: string, ...bindings: readonly (string | number)[]): boolean =>
    sql.exec(query, ...bindings).toArray().length > 0;
  /** Whether anybody plays; null: not known. Mostly nobody does, and every event of voice asks for its user. */
  let isPlaying: boolean | null = null;

  return {
    match: (matchId: string): KeptMatch | null => {
      const [row] = sql
        .exec<MatchRow>(
          `SELECT match_id AS matchId, revision, state, announced, ended_at AS endedAt, record
           FROM matches_match WHERE match_id = ?`,
          matchId,
        )
        .toArray();
      return row === undefined ? null : keptOf(row);
    },
    /** Live matches, newest first. */
    liveMatches: (limit: number): readonly MatchRecord[] =>
      sql
        .exec<{ record: string }>(
          `SELECT record FROM matches_match WHERE state = 'live' AND record IS NOT NULL
           ORDER BY created_at DESC, match_id DESC LIMIT ?`,
          limit,
        )
        .toArray()
        .map(({ record }) => Match.parse(JSON.parse(record))),
    hasLiveMatch: () => isAny("SELECT 1 FROM matches_match WHERE state = 'live' LIMIT 1"),
    /** Whether a match ended after this time, milliseconds since 1970. */
    endedSince: (time: number) =>
      isAny("SELECT 1 FROM matches_match WHERE ended_at > ? LIMIT 1", time),
    saveMatch: ({ matchId, revision, state, announced, endedAt, record }: KeptMatch): void => {
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
    removeMatch: (matchId: string): void => {
      isPlaying = null;
      sql.exec("DELETE FROM matches_match WHERE match_id = ?", matchId);
      sql.exec("DELETE FROM matches_player WHERE match_id = ?", matchId);
    },

    /** Live matches of which this is a side's channel. */
    liveMatchesIn: (channelId: string): readonly string[] =>
      sql
        .exec<{ matchId: string }>(
          `SELECT match_id AS matchId FROM matches_match
           WHERE (channel1 = ?1 OR channel2 = ?1) AND state = 'live'`,
          channelId,
        )
        .toArray()
        .map(({ matchId }) => matchId),
    /** The channels of live matches. */
    liveChannels: () =>
      sql
        .exec<{ matchId: string; channel1: string | null; channel2: string | null }>(
          "SELECT match_id AS matchId, channel1, channel2 FROM matches_match WHERE state = 'live'",
        )
        .toArray()
        .flatMap(({ matchId, channel1, channel2 }) =>
          [channel1, channel2].flatMap((channelId) =>
            channelId === null ? [] : [{ matchId, channelId }],
          ),
        ),
    /** Live matches in which this Discord user plays, and their channels in which the user belongs. */
    playing: (userId: string) => {
      isPlaying ??= isAny("SELECT 1 FROM matches_player LIMIT 1");
      if (!isPlaying) return [];
      const rows = sql
        .exec<{ matchId: string; channelId: string | null }>(
          `SELECT match_id AS matchId,
             CASE faction WHEN 'faction1' THEN channel1 ELSE channel2 END AS channelId
           FROM matches_player JOIN matches_match USING (match_id) WHERE user_id = ?`,
          userId,
        )
        .toArray();
      return [...new Set(rows.map(({ matchId }) => matchId))].map((matchId) => ({
        matchId,
        ownChannelIds: rows.flatMap((row) =>
          row.matchId === matchId && row.channelId !== null ? [row.channelId] : [],
        ),
      }));
    },
    /** Replaces the linked players of a match. */
    savePlayers: (matchId: string, players: readonly PlayingUser[]): void => {
      isPlaying = null;
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

    /** Whether the sweep is scheduled. */
    isSweeping: () => isAny("SELECT 1 FROM matches_sweep"),
    setSweeping: (isSweeping: boolean): void => {
      if (isSweeping) sql.exec("INSERT OR IGNORE INTO matches_sweep (one) VALUES (1)");
      else sql.exec("DELETE FROM matches_sweep");
    },
  };
}
export type MatchesState = ReturnType<typeof sqlMatchesState>;

function keptOf({ state, announced, record, ...row }: MatchRow): KeptMatch {
  return {
    ...row,
    state: state === "live" ? "live" : "ended",
    announced: announced === 1,
    record: record === null ? null : Match.parse(JSON.parse(record)),
  };
}
