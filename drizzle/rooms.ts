import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/**
 * Voice rooms: the copy for lists and look-ups of what each guild's hub holds. Times are milliseconds
 * since 1970. A room that never came to be has no row.
 */
export const roomsTable = sqliteTable(
  "rooms",
  {
    /** ULID, so that newest first is the order of ids. */
    id: text("id").primaryKey(),
    /** Null until Discord has made the channel. */
    channelId: text("channel_id"),
    guildId: text("guild_id").notNull(),
    name: text("name").notNull(),
    userLimit: integer("user_limit").notNull(),
    private: integer("private", { mode: "boolean" }).notNull(),
    allowedUserIds: text("allowed_user_ids", { mode: "json" }).$type<string[]>().notNull(),
    parentId: text("parent_id"),
    createdBy: text("created_by").notNull(),
    createdByDiscordId: text("created_by_discord_id"),
    createdAt: integer("created_at").notNull(),
    openedAt: integer("opened_at"),
    state: text("state", { enum: ["creating", "open", "ended"] }).notNull(),
    endedAt: integer("ended_at"),
    idempotencyKey: text("idempotency_key"),
    idleMs: integer("idle_ms").notNull(),
    /** Of the hub's record: an older one never replaces a newer one. */
    revision: integer("revision").notNull(),
  },
  (table) => [
    uniqueIndex("rooms_channel").on(table.channelId),
    index("rooms_guild_state").on(table.guildId, table.state, table.id),
  ],
);
