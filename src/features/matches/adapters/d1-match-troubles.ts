import { and, eq, inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { matchTroubles } from "../../../../drizzle/matches.ts";
import { TROUBLE_TOLD_AGAIN_MS } from "../../../protocol/limits.ts";
import type { MatchTroubles } from "../ports.ts";

/** {@link MatchTroubles} in D1. */
export function d1MatchTroubles(database: D1Database): MatchTroubles {
  const db = drizzle(database);
  return {
    // One statement decides, so that of many matches which find out at once one tells it.
    async add({ guildId, kind, subject }, now) {
      const { results } = await database
        .prepare(
          `INSERT INTO match_troubles (guild_id, kind, subject, told_at) VALUES (?1, ?2, ?3, ?4)
           ON CONFLICT (guild_id, kind) DO UPDATE
             SET subject = excluded.subject, told_at = excluded.told_at
             WHERE subject <> excluded.subject OR told_at <= ?5
           RETURNING kind`,
        )
        .bind(guildId, kind, subject, now, now - TROUBLE_TOLD_AGAIN_MS)
        .run();
      return results.length > 0;
    },

    async remove(guildId, ...kinds) {
      const isThere = guildId === null ? undefined : eq(matchTroubles.guildId, guildId);
      await db.delete(matchTroubles).where(and(isThere, inArray(matchTroubles.kind, kinds)));
    },

    async all() {
      return db.select().from(matchTroubles);
    },
  };
}
