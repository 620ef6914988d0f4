import { asc, eq, gt, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { accounts, outbox } from "../../../../drizzle/sync.ts";
import { SYNC_OUTBOX_MESSAGES_MAX } from "../../../protocol/limits.ts";
import { type Caller, OutboxMessage } from "../hub-commands.ts";

/** What a hub has to be told. */
type Pending = {
  /** The account of the hub, with the epoch of today. */
  readonly account: Caller;
  readonly messages: readonly OutboxMessage[];
};

/** Messages to hubs that were written with the change that they tell, in D1 (sync.md §0b.3). */
export function d1Outbox(database: D1Database) {
  const db = drizzle(database);
  return {
    /** What the hub of an account has not been told yet, the oldest first; null: nothing. */
    async pending(account: string): Promise<Pending | null> {
      const rows = await db
        .select({ id: outbox.id, message: outbox.message, epoch: accounts.tokenEpoch })
        .from(outbox)
        .innerJoin(accounts, eq(accounts.id, outbox.accountId))
        .where(eq(outbox.accountId, account))
        // In the order of their transactions. Ids come from clocks of different machines.
        .orderBy(sql`${outbox}.rowid`)
        .limit(SYNC_OUTBOX_MESSAGES_MAX);
      const [first] = rows;
      if (first === undefined) return null;
      return {
        account: { account, epoch: first.epoch },
        messages: rows.map(({ id, message }) =>
          OutboxMessage.parse({ id, news: JSON.parse(message) as unknown }),
        ),
      };
    },

    /** The hub was told. @param feedSeq its number of the feed, of which the account's row has a copy */
    async told(account: string, ids: readonly string[], feedSeq: number): Promise<void> {
      await db.batch([
        db
          .update(accounts)
          .set({ feedSeq: sql`max(${accounts.feedSeq}, ${feedSeq})` })
          .where(eq(accounts.id, account)),
        db.delete(outbox).where(inArray(outbox.id, [...ids])),
      ]);
    },

    /** Accounts above `after` whose hubs have something to be told, in the order of their ids. */
    async waiting(after: string, limit: number): Promise<string[]> {
      const rows = await db
        .selectDistinct({ account: outbox.accountId })
        .from(outbox)
        .where(gt(outbox.accountId, after))
        .orderBy(asc(outbox.accountId))
        .limit(limit);
      return rows.map(({ account }) => account);
    },
  };
}

export type Outbox = ReturnType<typeof d1Outbox>;
