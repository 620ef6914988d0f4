import { and, asc, eq, gte, inArray, lt, ne, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { accounts, userRelationships } from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { SYNC_FRIENDS_LISTED_MAX } from "../../../protocol/limits.ts";
import type { RelationshipStatus } from "../friends.ts";
import type { Caller } from "../hub-commands.ts";
import type { UserProfile } from "../records.ts";
import { isPresent } from "./d1-accounts.ts";

/** Names are found by this expression, which has an index. SQLite lowers only ASCII, and so does {@link prefixOf}. */
const LOWER_USERNAME = sql<string>`lower(${accounts.username})`;
/** Above every character of a username. */
const LAST_CHARACTER = "\u{10FFFF}";

/** What a profile is made of. */
export const PROFILE = {
  id: accounts.id,
  firstName: accounts.firstName,
  lastName: accounts.lastName,
  username: accounts.username,
};

/** A row of {@link PROFILE}. */
export type ProfileRow = {
  readonly id: string;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly username: string | null;
};

/** An account as another one sees it. */
export function profileOf(
  { id, firstName, lastName, username }: ProfileRow,
  status: RelationshipStatus | null,
): UserProfile {
  return {
    id,
    firstName: firstName ?? "",
    lastName,
    username: username ?? "",
    avatar: null,
    bio: null,
    status: status ?? "none",
  };
}

/** Accounts as others see them, in D1 (sync.md §3.9). `revoked`: the caller's token was. */
export function d1Users(database: D1Database) {
  const db = drizzle(database);

  const present = (caller: Caller) =>
    db.select({ id: accounts.id }).from(accounts).where(isPresent(caller));

  /** Accounts with how the caller stands to them. */
  const seenBy = ({ account }: Caller) =>
    db
      .select({ ...PROFILE, status: userRelationships.status })
      .from(accounts)
      .leftJoin(
        userRelationships,
        and(eq(userRelationships.fromUserId, account), eq(userRelationships.toUserId, accounts.id)),
      );

  const profiles = (
    callers: readonly unknown[],
    rows: readonly (ProfileRow & { readonly status: RelationshipStatus | null })[],
  ): Result<UserProfile[], "revoked"> =>
    callers.length === 0 ? err("revoked") : ok(rows.map((row) => profileOf(row, row.status)));

  return {
    /** Others whose username begins so, in any case, in the order of their names. */
    async search(caller: Caller, query: string, limit: number) {
      const from = prefixOf(query);
      const [callers, rows] = await withoutValues(
        db.batch([
          present(caller),
          seenBy(caller)
            .where(
              and(
                gte(LOWER_USERNAME, from),
                lt(LOWER_USERNAME, `${from}${LAST_CHARACTER}`),
                ne(accounts.id, caller.account),
              ),
            )
            .orderBy(asc(LOWER_USERNAME))
            .limit(limit),
        ]),
      );
      return profiles(callers, rows);
    },

    /** One account; null: there is none. */
    async profile(caller: Caller, uid: string): Promise<Result<UserProfile | null, "revoked">> {
      const [callers, rows] = await withoutValues(
        db.batch([present(caller), seenBy(caller).where(eq(accounts.id, uid))]),
      );
      const found = profiles(callers, rows);
      return found.ok ? ok(found.value[0] ?? null) : found;
    },

    /** Friends, then those who ask for it, then those who were asked, each in the order in which they met. */
    async friends(caller: Caller) {
      const { fromUserId, toUserId, status } = userRelationships;
      const [callers, rows] = await withoutValues(
        db.batch([
          present(caller),
          db
            .select({ ...PROFILE, status })
            .from(userRelationships)
            .innerJoin(accounts, eq(accounts.id, toUserId))
            .where(
              and(
                eq(fromUserId, caller.account),
                inArray(status, ["friend", "pending", "requested"]),
              ),
            )
            // The order of the index, so that a long list is not sorted: it happens to be the one that people want.
            .orderBy(asc(status), sql`${userRelationships}.rowid`)
            .limit(SYNC_FRIENDS_LISTED_MAX),
        ]),
      );
      return profiles(callers, rows);
    },
  };
}

/** The beginning of a username as it is compared. */
function prefixOf(query: string): string {
  return query.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
