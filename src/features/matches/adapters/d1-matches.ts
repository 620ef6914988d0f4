import { and, asc, desc, eq, isNull, lt, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { activeMatches, matchesTable } from "../../../../drizzle/matches.ts";
import { replacingOlder, withoutValues } from "../../../platform/compare-and-swap.ts";
import { FACTIONS, Match, type Faction } from "../../../protocol/match.ts";
import type { MatchesStore, MatchRecord } from "../ports.ts";

/** {@link MatchesStore} in D1. */
export function d1Matches(database: D1Database): MatchesStore {
  const db = drizzle(database);
  const isSide = (matchId: string, faction: Faction) =>
    and(eq(activeMatches.matchId, matchId), eq(activeMatches.faction, faction));

  return {
    async write(record) {
      const row = rowOf(record);
      await withoutValues(
        db
          .insert(matchesTable)
          .values(row)
          .onConflictDoUpdate(replacingOlder(matchesTable.matchId, matchesTable.revision, row)),
      );
    },

    async get(guildId, matchId) {
      const [row] = await db
        .select({ record: matchesTable.record })
        .from(matchesTable)
        .where(and(eq(matchesTable.matchId, matchId), eq(matchesTable.guildId, guildId)));
      return row === undefined ? null : Match.parse(row.record);
    },

    async list({ guildId, state, before, limit }) {
      const { createdAt, matchId } = matchesTable;
      const rows = await db
        .select({ record: matchesTable.record })
        .from(matchesTable)
        .where(
          and(
            eq(matchesTable.guildId, guildId),
            eq(matchesTable.state, state),
            before === null
              ? undefined
              : or(
                  lt(createdAt, before.createdAt),
                  and(eq(createdAt, before.createdAt), lt(matchId, before.matchId)),
                ),
          ),
        )
        .orderBy(desc(createdAt), desc(matchId))
        .limit(limit);
      return rows.map(({ record }) => Match.parse(record));
    },

    async liveMatchesOf(faceitIds) {
      // All ids in one parameter, because D1 allows 100 parameters.
      const wanted = sql`select value from json_each(${JSON.stringify(faceitIds)})`;
      const rows = await db
        .select({ matchId: matchesTable.matchId })
        .from(matchesTable)
        .where(
          and(
            eq(matchesTable.state, "live"),
            sql`exists (select 1 from json_each(${matchesTable.playerIds}) where value in (${wanted}))`,
          ),
        );
      return rows.map(({ matchId }) => matchId);
    },

    async reserve({ matchId, faction, channelId, channelName, guildId }, now) {
      // One statement decides, so that of two sides that want the same name only one gets it.
      const { results } = await database
        .prepare(
          `INSERT INTO active_matches
             (match_id, faction, voice_channel_id, guild_id, channel_name, created_at)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6
           WHERE NOT EXISTS (
             SELECT 1 FROM active_matches
             WHERE guild_id = ?4 AND channel_name = ?5 AND NOT (match_id = ?1 AND faction = ?2))
           ON CONFLICT (match_id, faction) DO UPDATE SET
             channel_name = excluded.channel_name, guild_id = excluded.guild_id,
             voice_channel_id = coalesce(voice_channel_id, excluded.voice_channel_id)
           RETURNING match_id`,
        )
        .bind(matchId, faction, channelId, guildId, channelName, now)
        .run();
      return results.length > 0 ? "ours" : "taken";
    },

    async opened(matchId, faction, channelId) {
      await db
        .update(activeMatches)
        .set({ voiceChannelId: channelId })
        .where(isSide(matchId, faction));
    },

    async released(matchId, faction) {
      await db.delete(activeMatches).where(isSide(matchId, faction));
    },

    async roomsOf(guildId) {
      return (
        db
          .select({
            matchId: activeMatches.matchId,
            faction: activeMatches.faction,
            guildId: activeMatches.guildId,
            channelId: activeMatches.voiceChannelId,
            channelName: sql<string>`coalesce(${activeMatches.channelName}, '')`,
          })
          .from(activeMatches)
          // A row that was inserted by hand has no guild, so every guild must leave its channel alone.
          .where(or(eq(activeMatches.guildId, guildId), isNull(activeMatches.guildId)))
          .orderBy(asc(activeMatches.matchId), asc(activeMatches.faction))
      );
    },
  };
}

function rowOf(record: MatchRecord): typeof matchesTable.$inferInsert {
  const { matchId, guildId, state, revision, factions } = record;
  const { faction1, faction2 } = factions;
  return {
    matchId,
    guildId,
    state,
    createdAt: Date.parse(record.createdAt),
    playerIds: FACTIONS.flatMap((side) => factions[side].players.map(({ playerId }) => playerId)),
    // Only the hub knows who is in voice: a copy would be outdated at once.
    record: {
      ...record,
      factions: { faction1: { ...faction1, inVoice: [] }, faction2: { ...faction2, inVoice: [] } },
    },
    revision,
  };
}
