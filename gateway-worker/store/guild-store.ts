import type { DatabaseSync } from "node:sqlite";
import { DiscordUser } from "../../src/protocol/person.ts";
import {
  applyChange,
  GONE_CHANNELS_MAX,
  unknownGuild,
  type Change,
  type GuildState,
} from "../guild/guild-state.ts";

/** All guilds of the bot: read from memory, and stored in the file for the next process. */
export class GuildStore {
  readonly #guilds = new Map<string, GuildState>();
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statementsOf>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statementsOf(db);
    this.#load();
  }

  get(guildId: string): GuildState | undefined {
    return this.#guilds.get(guildId);
  }

  all(): readonly GuildState[] {
    return [...this.#guilds.values()];
  }

  /** Adds a guild about which nothing is known yet. */
  add(guildId: string): GuildState {
    const guild = unknownGuild(guildId);
    this.#guilds.set(guildId, guild);
    this.save(guild);
    return guild;
  }

  /** Applies a change in memory and in the file. */
  apply(guild: GuildState, change: Change): void {
    applyChange(guild, change);
    const { guildId } = guild;
    switch (change.type) {
      case "voice":
        if (change.to === null) this.#sql.removeVoice.run(guildId, change.userId);
        else this.#writeVoice(guildId, change.userId, change.to, change.user);
        return;
      case "user":
        this.#writeVoice(guildId, change.userId, guild.voice.get(change.userId), change.user);
        return;
      case "channel": {
        const { channelId, name, userLimit } = change.after;
        this.#sql.saveChannel.run(guildId, channelId, name, userLimit);
        this.#sql.removeGone.run(guildId, channelId);
        return;
      }
      case "channel-gone":
        this.#sql.removeChannel.run(guildId, change.channelId);
        this.#sql.saveGone.run(guildId, change.channelId);
        this.#sql.pruneGone.run(guildId, GONE_CHANNELS_MAX);
        return;
      case "available":
      case "known":
        this.save(guild);
        return;
    }
  }

  #writeVoice(
    guildId: string,
    userId: string,
    channelId: string | undefined,
    user: DiscordUser | undefined,
  ): void {
    if (channelId === undefined) return;
    const text = user === undefined ? null : JSON.stringify(user);
    this.#sql.saveVoice.run(guildId, userId, channelId, text);
  }

  /** Writes the flags of a guild. */
  save(guild: GuildState): void {
    this.#sql.saveGuild.run(
      guild.guildId,
      Number(guild.known),
      Number(guild.available),
      Number(guild.snapshotDue),
    );
  }

  /** Forgets a guild that the bot has left. */
  remove(guildId: string): void {
    this.#guilds.delete(guildId);
    for (const table of ["guilds", "channels", "gone_channels", "voice_states"]) {
      this.#db.prepare(`DELETE FROM ${table} WHERE guild_id = ?`).run(guildId);
    }
  }

  #load(): void {
    for (const row of this.#db.prepare("SELECT * FROM guilds").all()) {
      const guildId = String(row["guild_id"]);
      this.#guilds.set(guildId, {
        ...unknownGuild(guildId),
        known: row["known"] === 1,
        available: row["available"] === 1,
        snapshotDue: row["snapshot_due"] === 1,
      });
    }
    for (const row of this.#db.prepare("SELECT * FROM channels").all()) {
      const channelId = String(row["channel_id"]);
      this.get(String(row["guild_id"]))?.channels.set(channelId, {
        channelId,
        name: String(row["name"]),
        userLimit: Number(row["user_limit"]),
      });
    }
    for (const row of this.#db.prepare("SELECT * FROM voice_states").all()) {
      const guild = this.get(String(row["guild_id"]));
      const userId = String(row["user_id"]);
      guild?.voice.set(userId, String(row["channel_id"]));
      const { user } = row;
      if (typeof user === "string") guild?.users.set(userId, DiscordUser.parse(JSON.parse(user)));
    }
    for (const row of this.#db.prepare("SELECT * FROM gone_channels ORDER BY position").all()) {
      this.get(String(row["guild_id"]))?.gone.add(String(row["channel_id"]));
    }
  }
}

function statementsOf(db: DatabaseSync) {
  return {
    saveGuild: db.prepare(
      `INSERT INTO guilds (guild_id, known, available, snapshot_due) VALUES (?, ?, ?, ?)
       ON CONFLICT (guild_id) DO UPDATE SET known = excluded.known,
         available = excluded.available, snapshot_due = excluded.snapshot_due`,
    ),
    saveVoice: db.prepare(
      `INSERT INTO voice_states (guild_id, user_id, channel_id, user) VALUES (?, ?, ?, ?)
       ON CONFLICT (guild_id, user_id) DO UPDATE SET channel_id = excluded.channel_id,
         user = coalesce(excluded.user, user)`,
    ),
    removeVoice: db.prepare("DELETE FROM voice_states WHERE guild_id = ? AND user_id = ?"),
    saveChannel: db.prepare(
      `INSERT INTO channels (guild_id, channel_id, name, user_limit) VALUES (?, ?, ?, ?)
       ON CONFLICT (guild_id, channel_id) DO UPDATE SET name = excluded.name,
         user_limit = excluded.user_limit`,
    ),
    removeChannel: db.prepare("DELETE FROM channels WHERE guild_id = ? AND channel_id = ?"),
    saveGone: db.prepare(
      "INSERT OR IGNORE INTO gone_channels (guild_id, channel_id) VALUES (?, ?)",
    ),
    removeGone: db.prepare("DELETE FROM gone_channels WHERE guild_id = ? AND channel_id = ?"),
    pruneGone: db.prepare(
      `DELETE FROM gone_channels WHERE guild_id = ?1 AND position NOT IN
         (SELECT position FROM gone_channels WHERE guild_id = ?1 ORDER BY position DESC LIMIT ?2)`,
    ),
  };
}
