import { and, eq, inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { matchTroubles } from "../../../../drizzle/matches.ts";
import { systemClock } from "../../../platform/clock.ts";
import { log } from "../../../platform/log.ts";
import { TROUBLE_TOLD_AGAIN_MS } from "../../../protocol/limits.ts";
import { type MatchesConfig, matchSettingsOf } from "../config.ts";
import type { MatchTroubles } from "../ports.ts";
import { GUILD_TROUBLES, isDiscordSetting, nameOf, subjectOf } from "../room/trouble.ts";

/** {@link MatchTroubles} in D1. */
export function d1MatchTroubles(database: D1Database): MatchTroubles {
  const db = drizzle(database);
  return {
    // One statement decides, so that of many matches with the same trouble only one posts it.
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

/**
 * What operators have to fix, for `/ready`: the names of variables and permissions, without guilds. A trouble
 * about a setting counts until the setting changes, any other one for {@link TROUBLE_TOLD_AGAIN_MS}.
 */
export async function presentTroubles(
  database: D1Database,
  config: MatchesConfig,
): Promise<readonly string[]> {
  const now = systemClock();
  try {
    const rows = await d1MatchTroubles(database).all();
    const present = rows.flatMap(({ guildId, kind, subject, toldAt }) => {
      const known = GUILD_TROUBLES.find((one) => one === kind);
      if (known === undefined) return [];
      const isStill = isDiscordSetting(known)
        ? subjectOf(known, matchSettingsOf(config, guildId)) === subject
        : now - toldAt < TROUBLE_TOLD_AGAIN_MS;
      return isStill ? [nameOf(known)] : [];
    });
    return [...new Set(present)].toSorted();
  } catch (error) {
    // Another check reports whether D1 works.
    log("warn", "match.troubles_not_read", { error });
    return [];
  }
}
