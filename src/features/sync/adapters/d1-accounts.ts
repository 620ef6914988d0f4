import { and, eq, exists, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { accountAuthRequests, accounts, terminalAuthRequests } from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";
import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";
import type { Caller } from "../hub-commands.ts";

const CALLER = { account: accounts.id, epoch: accounts.tokenEpoch };

/** Selects the account of a caller, while its token is not revoked. */
export function isPresent({ account, epoch }: Caller) {
  return and(eq(accounts.id, account), eq(accounts.tokenEpoch, epoch));
}

/** Accounts and their keys, in D1 (sync.md §0a). */
export function d1Accounts(database: D1Database, newId: IdGenerator = ulidGenerator()) {
  const db = drizzle(database);
  return {
    /**
     * The account of a public key, created if there is none.
     * @param publicKey lower-case hex
     */
    async ofKey(publicKey: string, now: number): Promise<Caller> {
      // One statement, so that a key that signs in twice at once has one account.
      const [caller] = await withoutValues(
        db
          .insert(accounts)
          .values({ id: newId(now), publicKey, createdAt: now, updatedAt: now })
          .onConflictDoUpdate({ target: accounts.publicKey, set: { updatedAt: now } })
          .returning(CALLER),
      );
      if (caller === undefined) throw new Error("an upsert returned no row");
      return caller;
    },

    /** With the epoch of today. null: there is no such account. */
    async byId(account: string): Promise<Caller | null> {
      const [caller] = await db.select(CALLER).from(accounts).where(eq(accounts.id, account));
      return caller ?? null;
    },

    /**
     * Revokes all tokens of an account, and ends the pairings that it has approved.
     * @returns its new epoch; null: the caller's own token was revoked before, so nothing changed
     */
    async raiseEpoch(caller: Caller, now: number): Promise<number | null> {
      // An approved pairing would give a token of the new epoch to whoever has approved it with a stolen one.
      const mayRaise = exists(db.select(CALLER).from(accounts).where(isPresent(caller)));
      const [, , raised] = await db.batch([
        db
          .delete(terminalAuthRequests)
          .where(and(eq(terminalAuthRequests.responseAccountId, caller.account), mayRaise)),
        db
          .delete(accountAuthRequests)
          .where(and(eq(accountAuthRequests.responseAccountId, caller.account), mayRaise)),
        db
          .update(accounts)
          .set({ tokenEpoch: sql`${accounts.tokenEpoch} + 1`, updatedAt: now })
          .where(isPresent(caller))
          .returning(CALLER),
      ]);
      return raised[0]?.epoch ?? null;
    },
  };
}
