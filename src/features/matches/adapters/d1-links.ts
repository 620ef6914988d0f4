import { and, eq, gt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { linkAttempts, playerLinks } from "../../../../drizzle/matches.ts";
import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";
import type { LinkAttempts, LinkStep, PlayerLink, PlayerLinks } from "../ports.ts";

/** {@link LinkAttempts} in D1. */
export function d1LinkAttempts(database: D1Database): LinkAttempts {
  const db = drizzle(database);
  const present = (stateHash: string, step: LinkStep, now: number) =>
    and(
      eq(linkAttempts.stateHash, stateHash),
      eq(linkAttempts.step, step),
      gt(linkAttempts.expiresAt, now),
    );
  return {
    async add(attempt, now) {
      await db.batch([
        db.delete(linkAttempts).where(lte(linkAttempts.expiresAt, now)),
        db.insert(linkAttempts).values(attempt),
      ]);
    },

    async find(stateHash, step, now) {
      const [row] = await db
        .select()
        .from(linkAttempts)
        .where(present(stateHash, step, now));
      return row ?? null;
    },

    // One statement, so that of several concurrent calls only one gets the row.
    async take(stateHash, step, now) {
      const [row] = await db
        .delete(linkAttempts)
        .where(present(stateHash, step, now))
        .returning();
      return row ?? null;
    },

    async forget(discordId) {
      await db.delete(linkAttempts).where(eq(linkAttempts.discordId, discordId));
    },
  };
}

/**
 * Whether the link (?1 Discord user, ?2 FACEIT account, ?4 method) may be written: one proven by OAuth always,
 * a manual one only if it replaces no proven one. The answer does not change while the statements of one
 * transaction write that link.
 */
const MAY_LINK = `(?4 = 'oauth' OR NOT EXISTS (
  SELECT 1 FROM player_links
  WHERE verified_method = 'oauth'
    AND ((faceit_id = ?2 AND discord_id <> ?1) OR (discord_id = ?1 AND faceit_id <> ?2))))`;

/** Inserts one audit row for each link that `which` selects. ?6 the Discord user who did it, ?7 the row's id. */
const AUDIT_OLD = (action: "taken_over" | "replaced", which: string): string =>
  `INSERT INTO link_audit (id, at, action, discord_id, faceit_id, verified_method, by_discord_id)
   SELECT ?7, ?5, '${action}', discord_id, faceit_id, verified_method, ?6
   FROM player_links WHERE ${which} AND ${MAY_LINK}`;

/** Selects the link of another Discord user who had this FACEIT account. */
const OTHER_OWNER = "faceit_id = ?2 AND discord_id <> ?1";
/** Selects the link of another FACEIT account that this Discord user had. */
const OTHER_ACCOUNT = "discord_id = ?1 AND faceit_id <> ?2";

/** Audits the new link, unless the same link already exists with the same method or proven by OAuth. */
const AUDIT_NEW = `
  INSERT INTO link_audit (id, at, action, discord_id, faceit_id, verified_method, by_discord_id)
  SELECT ?7, ?5, 'linked', ?1, ?2, ?4, ?6
  WHERE ${MAY_LINK} AND NOT EXISTS (
    SELECT 1 FROM player_links
    WHERE discord_id = ?1 AND faceit_id = ?2 AND verified_method IN ('oauth', ?4))`;

const TAKE_OVER = `DELETE FROM player_links WHERE ${OTHER_OWNER} AND ${MAY_LINK}`;

const WRITE = `
  INSERT INTO player_links (discord_id, faceit_id, nickname, verified_method, linked_at)
  SELECT ?1, ?2, ?3, ?4, ?5 WHERE ${MAY_LINK}
  ON CONFLICT (discord_id) DO UPDATE SET
    faceit_id = excluded.faceit_id, nickname = excluded.nickname,
    verified_method = excluded.verified_method, linked_at = excluded.linked_at
  WHERE excluded.verified_method = 'oauth' OR verified_method <> 'oauth'`;

const LINK = `discord_id AS discordId, faceit_id AS faceitId, nickname,
  verified_method AS verifiedMethod, linked_at AS linkedAt`;
const SELECT_LINK = `SELECT ${LINK} FROM player_links`;

/**
 * {@link PlayerLinks} in D1. The database decides between concurrent writes: each call is one transaction,
 * and its statements carry their own conditions.
 */
export function d1PlayerLinks(
  database: D1Database,
  newId: IdGenerator = ulidGenerator(),
): PlayerLinks {
  const db = drizzle(database);
  return {
    async ofDiscord(discordId) {
      const [row] = await db.select().from(playerLinks).where(eq(playerLinks.discordId, discordId));
      return row ?? null;
    },

    async ofPlayers(faceitIds) {
      // All ids in one parameter, because D1 allows 100 parameters.
      const wanted = sql`select value from json_each(${JSON.stringify(faceitIds)})`;
      return db
        .select()
        .from(playerLinks)
        .where(sql`${playerLinks.faceitId} in (${wanted})`);
    },

    async put({ discordId, faceitId, nickname, verifiedMethod, linkedAt }, byDiscordId) {
      const link = [discordId, faceitId, nickname, verifiedMethod, linkedAt] as const;
      const audit = (query: string): D1PreparedStatement =>
        database.prepare(query).bind(...link, byDiscordId, newId(linkedAt));
      const [before, , , , , , after] = await database.batch<PlayerLink>([
        database
          .prepare(`${SELECT_LINK} WHERE discord_id = ?1 OR faceit_id = ?2`)
          .bind(discordId, faceitId),
        audit(AUDIT_OLD("taken_over", OTHER_OWNER)),
        audit(AUDIT_OLD("replaced", OTHER_ACCOUNT)),
        audit(AUDIT_NEW),
        database.prepare(TAKE_OVER).bind(discordId, faceitId, nickname, verifiedMethod),
        database.prepare(WRITE).bind(...link),
        database
          .prepare(`${SELECT_LINK} WHERE discord_id = ?1 AND faceit_id = ?2`)
          .bind(discordId, faceitId),
      ]);
      if (before === undefined || after === undefined) throw new Error("a batch lost an answer");
      if (after.results.length === 0) return { kind: "proven_by_other" };
      const own = before.results.find((one) => one.discordId === discordId);
      const owner = before.results.find((one) => one.faceitId === faceitId);
      return {
        kind: "linked",
        replaced: own === undefined || own.faceitId === faceitId ? null : own.faceitId,
        takenFrom: owner === undefined || owner.discordId === discordId ? null : owner.discordId,
      };
    },

    async remove(discordId, byDiscordId, now) {
      const [, removed] = await database.batch<PlayerLink>([
        database
          .prepare(
            `INSERT INTO link_audit
               (id, at, action, discord_id, faceit_id, verified_method, by_discord_id)
             SELECT ?2, ?3, 'unlinked', discord_id, faceit_id, verified_method, ?4
             FROM player_links WHERE discord_id = ?1`,
          )
          .bind(discordId, newId(now), now, byDiscordId),
        database
          .prepare(`DELETE FROM player_links WHERE discord_id = ?1 RETURNING ${LINK}`)
          .bind(discordId),
      ]);
      return removed?.results[0] ?? null;
    },
  };
}
