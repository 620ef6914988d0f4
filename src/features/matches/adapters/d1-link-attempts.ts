import { and, eq, gt, lte } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { linkAttempts } from "../../../../drizzle/matches.ts";
import type { LinkAttempts, LinkStep } from "../ports.ts";

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

    // One statement: whoever else asks at the same time finds nothing.
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
