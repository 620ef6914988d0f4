import { z } from "zod";
import type { BeforeEnd } from "../hub/extension.ts";
import { KeptRows } from "../hub/kept-rows.ts";
import { DiscordId } from "../protocol/discord-id.ts";
import { GatewayStanding } from "../protocol/events/rooms.ts";

/** A user in a voice channel; `since` in milliseconds since 1970. */
export const VoiceState = z.object({
  userId: DiscordId,
  channelId: DiscordId,
  since: z.number().int(),
});
export type VoiceState = z.infer<typeof VoiceState>;

/** The facts that decide whether the hub knows everybody in voice. */
export const VoiceKnowledge = z.object({
  /** When the gateway connected, by its own clock, milliseconds since 1970; null: it is not connected. */
  connectedSince: z.number().nullable(),
  /** Whether a snapshot of the guild was applied since the connection was last lost. */
  hasSnapshot: z.boolean(),
});
export type VoiceKnowledge = z.infer<typeof VoiceKnowledge>;

/** The knowledge before the first report of the gateway, and while it is not connected. */
const NO_VOICE_KNOWLEDGE: VoiceKnowledge = { connectedSince: null, hasSnapshot: false };

/**
 * Whether the hub knows everybody in voice (rooms.md §5): the gateway is connected, and a snapshot has replaced
 * the events that were missed before.
 */
export function isVoiceKnown({ connectedSince, hasSnapshot }: VoiceKnowledge): boolean {
  return connectedSince !== null && hasSnapshot;
}

/**
 * The knowledge after a report of the gateway's state.
 * @param now milliseconds since 1970; bounds `since` of a sender whose clock is ahead of ours
 */
export function knowledgeAfter(
  before: VoiceKnowledge,
  told: GatewayStanding,
  now: number,
): VoiceKnowledge {
  if (told.state === "connected") return { ...before, connectedSince: Math.min(told.since, now) };
  return NO_VOICE_KNOWLEDGE;
}

/**
 * Whether a reported state is older than the present connection. The container and the monitor of its
 * heartbeats both report states, so an older one can arrive later.
 */
export function isOldNews(
  { connectedSince }: VoiceKnowledge,
  { state, since }: GatewayStanding,
): boolean {
  return state !== "connected" && connectedSince !== null && since < connectedSince;
}

/**
 * Creates the tables of {@link sqlGuildVoice}. Runs again at each wake.
 * @returns whether the gateway's state is new, so that a snapshot is needed to know who is in voice
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
 * Copies who is in voice from versions that kept it once for rooms and once for matches. The matches' table
 * is newer, because an event could wait for its room; it is used only if a snapshot has filled it.
 * `rooms_voice` stays for the rooms area, which copies from it what was published to readers.
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
 * Copies what was known about the gateway, and drops the old tables, so that the previous version starts empty
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

/** So many users are kept in memory, at most. */
const USERS_KEPT = 2_000;

/** A user in voice as the table has it. */
type VoiceUser = { readonly voice: VoiceState; readonly isBot: boolean };
type VoiceRow = {
  readonly user_id: string;
  readonly channel_id: string;
  readonly since: number;
  readonly bot: number;
};

/** In the order in which they joined. */
function inOrder(users: readonly VoiceUser[]): readonly VoiceState[] {
  return users
    .map(({ voice }) => voice)
    .toSorted((a, b) => a.since - b.since || (a.userId < b.userId ? -1 : 1));
}

/**
 * Who is in which voice channel of a guild, and whether that is complete. The guild's hub keeps it once for all
 * areas, in its SQLite. It keeps users in memory, so only one object may write while it lives.
 */
export function sqlGuildVoice(sql: SqlStorage, _: unknown, beforeEnd: BeforeEnd) {
  const users = new KeptRows<VoiceUser, VoiceRow>(
    sql,
    {
      name: "gateway_voice",
      columns: ["user_id", "channel_id", "since", "bot"],
      keyOf: ({ voice }) => voice.userId,
      valuesOf: ({ voice: { userId, channelId, since }, isBot }) => [
        userId,
        channelId,
        since,
        Number(isBot),
      ],
      rowOf: ({ user_id: userId, channel_id: channelId, since, bot }) => ({
        voice: { userId, channelId, since },
        isBot: bot === 1,
      }),
    },
    USERS_KEPT,
    beforeEnd,
  );
  const voices = (where: string, ...bindings: readonly string[]): readonly VoiceState[] => {
    users.write();
    return sql
      .exec<VoiceState>(
        `SELECT user_id AS userId, channel_id AS channelId, since FROM gateway_voice ${where}
         ORDER BY since, user_id`,
        ...bindings,
      )
      .toArray();
  };

  return {
    of: (userId: string): VoiceState | null => users.get(userId)?.voice ?? null,
    /** In the order in which they joined. */
    membersOf: (channelId: string): readonly VoiceState[] => {
      const all = users.all();
      if (all === null) return voices("WHERE channel_id = ?", channelId);
      return inOrder(all.filter(({ voice }) => voice.channelId === channelId));
    },
    all: (): readonly VoiceState[] => {
      const all = users.all();
      return all === null ? voices("") : inOrder(all);
    },
    /** Whether a user in voice is a bot, as far as Discord has said. */
    isBot: (userId: string): boolean => users.get(userId)?.isBot === true,
    save: ({ userId, channelId, since, isBot }: VoiceState & { readonly isBot: boolean }): void =>
      users.set({ voice: { userId, channelId, since }, isBot }),
    remove: (userId: string): void => users.remove(userId),

    /** The gateway state that was published last; null: none yet. */
    standing: (): GatewayStanding | null => {
      const row = sql.exec("SELECT state, since FROM gateway_standing").one();
      return row["state"] === null ? null : GatewayStanding.parse(row);
    },
    saveStanding: ({ state, since }: GatewayStanding): void => {
      sql.exec("UPDATE gateway_standing SET state = ?, since = ?", state, since);
    },
    knowledge: (): VoiceKnowledge => {
      const row = sql.exec<{ knowledge: string }>("SELECT knowledge FROM gateway_standing").one();
      return VoiceKnowledge.parse(JSON.parse(row.knowledge));
    },
    saveKnowledge: (knowledge: VoiceKnowledge): void => {
      sql.exec("UPDATE gateway_standing SET knowledge = ?", JSON.stringify(knowledge));
    },
  };
}
export type GuildVoice = ReturnType<typeof sqlGuildVoice>;
