import { matchSettingsOf } from "../../config.ts";
import { configOf, type Env } from "../../env.ts";
import { systemClock } from "../../platform/clock.ts";
import { log } from "../../platform/log.ts";
import { TROUBLE_TOLD_AGAIN_MS } from "../../protocol/limits.ts";
import { d1MatchTroubles } from "./adapters/d1-match-troubles.ts";
import { GUILD_TROUBLES, isPlace, nameOf, subjectOf } from "./room/trouble.ts";

/**
 * What operators have to mend, for `/ready`: names of variables and permissions, each once, and nothing
 * of a guild. A setting counts until it names something else; what else was found, for a day.
 */
export async function presentTroubles(env: Env): Promise<readonly string[]> {
  const config = configOf(env);
  const now = systemClock();
  try {
    const rows = await d1MatchTroubles(env.DB).all();
    const present = rows.flatMap(({ guildId, kind, subject, toldAt }) => {
      const known = GUILD_TROUBLES.find((one) => one === kind);
      if (known === undefined) return [];
      const isStill = isPlace(known)
        ? subjectOf(known, matchSettingsOf(config, guildId)) === subject
        : now - toldAt < TROUBLE_TOLD_AGAIN_MS;
      return isStill ? [nameOf(known)] : [];
    });
    return [...new Set(present)].toSorted();
  } catch (error) {
    // Whether D1 works is a check of its own.
    log("warn", "match.troubles_not_read", { error });
    return [];
  }
}
