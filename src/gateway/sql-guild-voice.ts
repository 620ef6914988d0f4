import { GatewayStanding } from "../protocol/events/rooms.ts";
import {
  NO_VOICE_KNOWLEDGE,
  VoiceKnowledge,
  type GuildVoice,
  type VoiceState,
} from "./guild-voice.ts";

/**
 * Creates the tables of {@link sqlGuildVoice}. Runs again at each wake.
 * @returns whether the gateway's table is new: then a snapshot is needed to know who is in voice
 */
export function createVoiceTables(sql: SqlStorage): boolean {
  const isNew = !hasTable(sql, "gateway_voice");
  sql.exec(`
    CREATE TABLE IF NOT EXISTS gateway_voice (
      user_id TEXT PRIMARY KEY,
      channel_id TEXT NOT NULL,
      since INTEGER NOT NULL,
      bot INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS gateway_voice_channel ON gateway_voice (channel_id, since);
    CREATE TABLE IF NOT EXISTS gateway_standing (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      knowledge TEXT NOT NULL,
      state TEXT,
      since INTEGER
    ) STRICT;
  `);
  // Also after a rollback: the previous version then kept its own tables, which are newer than ours.
  const wasKept = hasTable(sql, "rooms_knowledge");
  if (hasTable(sql, "rooms_voice") && (isNew || wasKept)) takeOverVoice(sql);
  if (wasKept) takeOverStanding(sql);
  const begun = sql.exec(
    "INSERT OR IGNORE INTO gateway_standing (one, knowledge) VALUES (1, ?) RETURNING one",
    JSON.stringify(NO_VOICE_KNOWLEDGE),
  );
  return begun.toArray().length > 0;
}

/**
 * Takes over who is in voice from versions that kept it once for rooms and once for matches. The matches' table
 * is newer, because an event could wait for its room; it is used only if a snapshot has filled it.
 * `rooms_voice` stays for the rooms area, which takes over from it what readers were told.
 */
function takeOverVoice(sql: SqlStorage): void {
  sql.exec("DELETE FROM gateway_voice");
  const [noted] = hasTable(sql, "matches_knowledge")
    ? sql.exec<{ knowledge: string }>("SELECT knowledge FROM matches_knowledge").toArray()
    : [];
  const isWhole =
    noted !== undefined && VoiceKnowledge.parse(JSON.parse(noted.knowledge)).hasSnapshot;
  sql.exec(
    isWhole
      ? `INSERT INTO gateway_voice (user_id, channel_id, since, bot)
         SELECT now.user_id, now.channel_id, coalesce(told.since, ?1), bot.user_id IS NOT NULL
         FROM matches_voice AS now
         LEFT JOIN rooms_voice AS told USING (user_id, channel_id)
         LEFT JOIN matches_bot AS bot USING (user_id)`
      : `INSERT INTO gateway_voice (user_id, channel_id, since, bot)
         SELECT user_id, channel_id, min(since, ?1), 0 FROM rooms_voice`,
    Date.now(),
  );
}

/**
 * Takes over what was known of the gateway, and drops the old tables, so that a previous version starts empty
 * after a rollback.
 */
function takeOverStanding(sql: SqlStorage): void {
  sql.exec(
    `INSERT OR REPLACE INTO gateway_standing (one, knowledge, state, since)
     SELECT 1, knowledge, state, since FROM rooms_knowledge LEFT JOIN rooms_gateway USING (one)`,
  );
  for (const area of ["rooms_knowledge", "rooms_gateway", "matches_voice", "matches_bot"]) {
    sql.exec(`DROP TABLE IF EXISTS ${area}`);
  }
  sql.exec("DROP TABLE IF EXISTS matches_knowledge");
}

/** Whether the hub's storage has this table. */
export function hasTable(sql: SqlStorage, name: string): boolean {
  const found = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name);
  return found.toArray().length > 0;
}

/** {@link GuildVoice} in the SQLite of a guild's hub. */
export function sqlGuildVoice(sql: SqlStorage): GuildVoice {
  const voices = (where: string, ...bindings: readonly string[]): VoiceState[] =>
    sql
      .exec<{ user_id: string; channel_id: string; since: number }>(
        `SELECT user_id, channel_id, since FROM gateway_voice ${where}`,
        ...bindings,
      )
      .toArray()
      .map((row) => ({ userId: row.user_id, channelId: row.channel_id, since: row.since }));

  return {
    of: (userId) => voices("WHERE user_id = ?", userId)[0] ?? null,
    membersOf: (channelId) => voices("WHERE channel_id = ? ORDER BY since, user_id", channelId),
    all: () => voices("ORDER BY since, user_id"),
    isBot: (userId) =>
      sql.exec("SELECT 1 FROM gateway_voice WHERE user_id = ? AND bot = 1", userId).toArray()
        .length > 0,
    save: ({ userId, channelId, since, isBot }) => {
      sql.exec(
        `INSERT INTO gateway_voice (user_id, channel_id, since, bot) VALUES (?, ?, ?, ?)
         ON CONFLICT (user_id) DO UPDATE SET channel_id = excluded.channel_id,
           since = excluded.since, bot = excluded.bot`,
        userId,
        channelId,
        since,
        Number(isBot),
      );
    },
    remove: (userId) => {
      sql.exec("DELETE FROM gateway_voice WHERE user_id = ?", userId);
    },

    standing: () => {
      const row = sql.exec("SELECT state, since FROM gateway_standing").one();
      return row["state"] === null ? null : GatewayStanding.parse(row);
    },
    saveStanding: ({ state, since }) => {
      sql.exec("UPDATE gateway_standing SET state = ?, since = ?", state, since);
    },
    knowledge: () => {
      const row = sql.exec<{ knowledge: string }>("SELECT knowledge FROM gateway_standing").one();
      return VoiceKnowledge.parse(JSON.parse(row.knowledge));
    },
    saveKnowledge: (knowledge) => {
      sql.exec("UPDATE gateway_standing SET knowledge = ?", JSON.stringify(knowledge));
    },
  };
}
