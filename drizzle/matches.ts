import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, unique } from "drizzle-orm/sqlite-core";

/** What a row that is written by hand, with the seed's columns only, gets as its time. */
const nowMs = sql`(unixepoch() * 1000)`;

/** Which Discord user is which FACEIT player. Both are there once. Times are milliseconds since 1970. */
export const playerLinks = sqliteTable("player_links", {
  discordId: text("discord_id").primaryKey(),
  faceitId: text("faceit_id").notNull().unique(),
  nickname: text("nickname").notNull().default(""),
  verifiedMethod: text("verified_method", { enum: ["oauth", "manual"] })
    .notNull()
    .default("oauth"),
  linkedAt: integer("linked_at").notNull().default(nowMs),
});

/** What was done to links, by whom: a link that moves to another person leaves a trace. */
export const linkAudit = sqliteTable(
  "link_audit",
  {
    id: text("id").primaryKey(),
    at: integer("at").notNull(),
    action: text("action", { enum: ["linked", "replaced", "taken_over", "unlinked"] }).notNull(),
    discordId: text("discord_id").notNull(),
    faceitId: text("faceit_id").notNull(),
    verifiedMethod: text("verified_method", { enum: ["oauth", "manual"] }).notNull(),
    /** Discord id of who did it. */
    byDiscordId: text("by_discord_id").notNull(),
  },
  (table) => [index("link_audit_by_discord_id").on(table.discordId, table.at)],
);

/** Steps of linkings that are under way. A row is taken by deleting it, so that it counts once. */
export const linkAttempts = sqliteTable(
  "link_attempts",
  {
    /** SHA-256 of the state that the browser carries. */
    stateHash: text("state_hash").primaryKey(),
    /** What comes next: open the link, come back from Discord, come back from FACEIT. */
    step: text("step", { enum: ["open", "discord", "faceit"] }).notNull(),
    discordId: text("discord_id").notNull(),
    guildId: text("guild_id").notNull(),
    /** SHA-256 of the browser's cookie; null before a browser has come. */
    browserHash: text("browser_hash"),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("link_attempts_by_expiry").on(table.expiresAt)],
);

/** Voice channels of matches that are there or being made: one row for each side. */
export const activeMatches = sqliteTable(
  "active_matches",
  {
    matchId: text("match_id").notNull(),
    faction: text("faction", { enum: ["faction1", "faction2"] }).notNull(),
    /** Null while Discord is asked. */
    voiceChannelId: text("voice_channel_id"),
    /** Null in rows with the seed's columns only: such a channel is left alone in every guild. */
    guildId: text("guild_id"),
    channelName: text("channel_name"),
    createdAt: integer("created_at").notNull().default(nowMs),
  },
  (table) => [
    primaryKey({ columns: [table.matchId, table.faction] }),
    unique("active_matches_name").on(table.guildId, table.channelName),
  ],
);

/** Matches for lists and look-ups: the copy of what each match's room holds. */
export const matchesTable = sqliteTable(
  "matches",
  {
    matchId: text("match_id").primaryKey(),
    guildId: text("guild_id").notNull(),
    state: text("state", { enum: ["live", "ended"] }).notNull(),
    createdAt: integer("created_at").notNull(),
    /** FACEIT ids of both rosters. */
    playerIds: text("player_ids", { mode: "json" }).$type<string[]>().notNull(),
    /** The match as it is shown, without who is in voice. */
    record: text("record", { mode: "json" }).notNull(),
    /** An older one never replaces a newer one. */
    revision: integer("revision").notNull(),
  },
  (table) => [
    index("matches_of_guild").on(table.guildId, table.state, table.createdAt, table.matchId),
    index("matches_live")
      .on(table.matchId)
      .where(sql`state = 'live'`),
  ],
);

/** What keeps a guild's matches from being played out as they are set up, until somebody mends it. */
export const matchTroubles = sqliteTable(
  "match_troubles",
  {
    guildId: text("guild_id").notNull(),
    kind: text("kind").notNull(),
    /** The id that a variable names; empty if no variable is involved. */
    subject: text("subject").notNull(),
    /** When the guild was told last. */
    toldAt: integer("told_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.guildId, table.kind] })],
);
