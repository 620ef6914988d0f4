import { and, eq, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { simpleCache } from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";

/** A claim on the id of an artifact. */
export type Claim = {
  readonly id: string;
  /** The account that claims it. */
  readonly account: string;
  /** Higher than those of this account's earlier claims on the id. */
  readonly number: number;
};

/** Whose the ids of artifacts are, over all accounts (sync.md §0b.1). */
export type ArtifactClaims = ReturnType<typeof d1Claims>;

/**
 * The claims in D1. `createdAt` and `updatedAt` of a claim are numbers of claims, which are about the time in
 * milliseconds. Both functions may be repeated, and a request that arrives late does no harm: it neither takes an id
 * from another account, nor releases a claim that is newer than it.
 */
export function d1Claims(database: D1Database) {
  const db = drizzle(database);
  const { key, value, updatedAt } = simpleCache;
  return {
    /** Claims an id, also when the account has claimed it before. @returns false: another account has it */
    async take({ id, account, number }: Claim): Promise<boolean> {
      const taken = await withoutValues(
        db
          .insert(simpleCache)
          .values({ key: keyOf(id), value: account, createdAt: number, updatedAt: number })
          .onConflictDoUpdate({
            target: key,
            set: { updatedAt: sql`max(${updatedAt}, excluded."updatedAt")` },
            setWhere: eq(value, account),
          })
          .returning({ value }),
      );
      return taken.length > 0;
    },

    /** Releases this claim, and earlier ones of its account on the id. */
    async release({ id, account, number }: Claim): Promise<void> {
      const isIts = and(eq(key, keyOf(id)), eq(value, account), lte(updatedAt, number));
      await withoutValues(db.delete(simpleCache).where(isIts));
    },
  };
}

function keyOf(id: string): string {
  return `artifact:${id}`;
}
