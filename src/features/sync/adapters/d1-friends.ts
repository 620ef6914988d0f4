import { and, eq, exists, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { alias, type SQLiteColumn } from "drizzle-orm/sqlite-core";
import { accounts, outbox, userRelationships } from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";
import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import {
  changeOfPair,
  type FriendAction,
  newsOf,
  type PairChange,
  type RelationshipNews,
  type RelationshipStatus,
  type SideChange,
  type Standing,
} from "../friends.ts";
import type { Caller } from "../hub-commands.ts";
import type { UserProfile } from "../records.ts";
import { isPresent } from "./d1-accounts.ts";
import { PROFILE, profileOf, type ProfileRow } from "./d1-users.ts";

/** Two accounts, as they were read. */
type Pair = {
  readonly caller: Caller;
  readonly other: ProfileRow;
  /** How the caller stands to the other one. */
  readonly mine: RelationshipStatus;
  readonly theirs: Standing;
};

const mineRow = alias(userRelationships, "mine");
const theirsRow = alias(userRelationships, "theirs");

/** Changes of friendships, in D1 (sync.md §0b.3). */
export function d1Friends(database: D1Database, newId: IdGenerator = ulidGenerator()) {
  const db = drizzle(database);

  const present = (caller: Caller) =>
    db.select({ id: accounts.id }).from(accounts).where(isPresent(caller));

  /** @returns null: there is no such other account */
  async function read(caller: Caller, uid: string): Promise<Result<Pair | null, "revoked">> {
    const me = caller.account;
    const [callers, rows] = await withoutValues(
      db.batch([
        present(caller),
        db
          .select({
            ...PROFILE,
            // A batch returns columns by name, so no two of them may have the same.
            mine: sql<RelationshipStatus | null>`${mineRow.status}`.as("mine"),
            theirs: sql<RelationshipStatus | null>`${theirsRow.status}`.as("theirs"),
            lastNotifiedAt: theirsRow.lastNotifiedAt,
          })
          .from(accounts)
          .leftJoin(mineRow, and(eq(mineRow.fromUserId, me), eq(mineRow.toUserId, accounts.id)))
          .leftJoin(
            theirsRow,
            and(eq(theirsRow.fromUserId, accounts.id), eq(theirsRow.toUserId, me)),
          )
          .where(eq(accounts.id, uid)),
      ]),
    );
    if (callers.length === 0) return err("revoked");
    const [row] = rows;
    if (row === undefined || uid === me) return ok(null);
    const { mine, theirs, lastNotifiedAt, ...other } = row;
    return ok({
      caller,
      other,
      mine: mine ?? "none",
      theirs: { status: theirs ?? "none", lastNotifiedAt },
    });
  }

  /** One column of how one account stands to another one. */
  const columnOf = (from: string, to: string, column: SQLiteColumn) =>
    db
      .select({ value: column })
      .from(userRelationships)
      .where(and(eq(userRelationships.fromUserId, from), eq(userRelationships.toUserId, to)));

  const isStill = (from: string, to: string, status: RelationshipStatus) =>
    sql`coalesce(${columnOf(from, to, userRelationships.status)}, 'none') = ${status}`;

  /**
   * Writes a change and what both hubs are told of it, if the pair still is as it was read.
   * @returns whether it was
   */
  async function write(pair: Pair, change: PairChange, now: number): Promise<boolean> {
    const { caller, mine, theirs } = pair;
    const [me, other] = [caller.account, pair.other.id];
    const isUnchanged = sql`${and(
      exists(present(caller)),
      exists(db.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, other))),
      isStill(me, other, mine),
      isStill(other, me, theirs.status),
      sql`${columnOf(other, me, userRelationships.lastNotifiedAt)} IS ${theirs.lastNotifiedAt}`,
    )}`;
    const first = newId(now);
    // The batch is one transaction: what follows is written if the first message is.
    const isWritten = exists(db.select({ id: outbox.id }).from(outbox).where(eq(outbox.id, first)));

    const message = (id: string, to: string, news: RelationshipNews, when: SQL) =>
      db
        .insert(outbox)
        .select(sql`SELECT ${id}, ${to}, ${JSON.stringify(news)}, ${now} WHERE ${when}`);
    const [written] = await withoutValues(
      db.batch([
        message(first, me, newsOf(other, mine, change.mine, now), isUnchanged).returning({
          id: outbox.id,
        }),
        message(newId(now), other, newsOf(me, theirs.status, change.theirs, now), isWritten),
        side(me, other, change.mine, now, isWritten),
        side(other, me, change.theirs, now, isWritten),
      ]),
    );
    return written.length > 0;
  }

  function side(from: string, to: string, { status, post }: SideChange, now: number, when: SQL) {
    const acceptedAt = status === "friend" ? now : null;
    const lastNotifiedAt = post === "friend_request" ? now : null;
    return db
      .insert(userRelationships)
      .select(
        sql`SELECT ${from}, ${to}, ${status}, ${acceptedAt}, ${lastNotifiedAt}, ${now}, ${now} WHERE ${when}`,
      )
      .onConflictDoUpdate({
        target: [userRelationships.fromUserId, userRelationships.toUserId],
        set: {
          status,
          acceptedAt,
          ...(lastNotifiedAt === null ? {} : { lastNotifiedAt }),
          updatedAt: now,
        },
      });
  }

  return {
    /**
     * Does what an account wants of another one.
     * @returns the other account as the caller now sees it; null: there is none, or it is the caller itself
     */
    async change(
      action: FriendAction,
      caller: Caller,
      uid: string,
      now: number,
    ): Promise<Result<UserProfile | null, "revoked">> {
      // It ends: a pair is only read again when another request has changed it meanwhile, and those are limited.
      for (;;) {
        const found = await read(caller, uid);
        if (!found.ok) return found;
        const { value: pair } = found;
        if (pair === null) return ok(null);
        const change = changeOfPair(action, pair.mine, pair.theirs, now);
        if (change === null) return ok(profileOf(pair.other, pair.mine));
        if (await write(pair, change, now)) return ok(profileOf(pair.other, change.mine.status));
      }
    },
  };
}
