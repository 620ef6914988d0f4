import { lt, and, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { linkAudit, matchesTable, matchTroubles } from "../../../drizzle/matches.ts";
import type { HubEnv } from "../../hub/env.ts";
import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import { systemClock } from "../../platform/clock.ts";
import { log } from "../../platform/log.ts";
import { LINK_AUDIT_KEEP_MS, MATCH_KEEP_MS } from "../../protocol/limits.ts";
import { matchesConfigOf } from "./config.ts";
import { hubMatches } from "./hub-commands.ts";

/** A trouble that has not come up for this long is deleted, milliseconds. */
const TROUBLE_KEEP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * The hourly work of matches: deletes rows past their retention, and sweeps every served guild for channels that
 * no match owns, even if no match is played there.
 */
export async function tidyMatches(env: HubEnv): Promise<void> {
  const { faceit, primaryGuildId } = matchesConfigOf(env);
  // Accounts can be linked without webhooks, and what was kept before they were switched off grows old as well.
  await forgetOld(env.DB, systemClock());
  if (faceit.webhookSecrets.length === 0) return;
  const hub = hubMatches(hubPublisher(GUILD_HUBS, env));
  const served = faceit.organizers.map(({ guildId }) => guildId ?? primaryGuildId);
  for (const guildId of new Set([primaryGuildId, ...served])) {
    try {
      await hub.sweep(guildId);
    } catch (error) {
      // The other guilds must still be swept.
      log("error", "matches.sweep_failed", { guildId, error });
    }
  }
}

async function forgetOld(database: D1Database, now: number): Promise<void> {
  const db = drizzle(database);
  await db.batch([
    db
      .delete(matchesTable)
      .where(and(eq(matchesTable.state, "ended"), lt(matchesTable.createdAt, now - MATCH_KEEP_MS))),
    db.delete(matchTroubles).where(lt(matchTroubles.toldAt, now - TROUBLE_KEEP_MS)),
    db.delete(linkAudit).where(lt(linkAudit.at, now - LINK_AUDIT_KEEP_MS)),
  ]);
}
