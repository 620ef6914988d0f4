import { and, eq, exists, ne, notExists, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { alias } from "drizzle-orm/sqlite-core";
import {
  accountAuthRequests,
  accounts,
  githubUsers,
  outbox,
  terminalAuthRequests,
} from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";
import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import type { Caller } from "../hub-commands.ts";
import type { AccountCopies } from "../in-hub/copies.ts";
import type { AccountNames, AccountNews, Profile } from "../records.ts";

/** What D1 has of a profile. */
export type StoredProfile = Pick<Profile, "id" | "firstName" | "lastName" | "username" | "github">;

const others = alias(accounts, "others");

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

    /** The profile of a caller; null: its token was revoked. */
    async profile(caller: Caller): Promise<StoredProfile | null> {
      const { id, firstName, lastName, username } = accounts;
      const [row] = await db
        .select({ id, firstName, lastName, username, github: githubUsers.profile })
        .from(accounts)
        .leftJoin(githubUsers, eq(githubUsers.id, accounts.githubUserId))
        .where(isPresent(caller));
      if (row === undefined) return null;
      const github = row.github === null ? null : (JSON.parse(row.github) as Profile["github"]);
      return { ...row, github };
    },

    /**
     * Changes what a caller is called, and writes into the outbox what its hub is told of it. `taken`: another account
     * has the username, in whatever case.
     */
    async changeNames(
      caller: Caller,
      names: AccountNames,
      now: number,
    ): Promise<Result<null, "taken" | "revoked">> {
      const { username } = names;
      const present = db.select(CALLER).from(accounts).where(isPresent(caller));
      const isName = sql`lower(${others.username}) = lower(${username ?? ""})`;
      const owner = db
        .select({ id: others.id })
        .from(others)
        .where(and(isName, ne(others.id, caller.account)));
      const mayChange = sql`${and(exists(present), username === undefined ? undefined : notExists(owner))}`;
      const news: AccountNews = { kind: "account", changed: names };
      const id = newId(now);
      // The batch is one transaction: the account is changed if the message is written.
      const isWritten = exists(db.select({ id: outbox.id }).from(outbox).where(eq(outbox.id, id)));
      const [, changed, presents] = await withoutValues(
        db.batch([
          db
            .insert(outbox)
            .select(
              sql`SELECT ${id}, ${caller.account}, ${JSON.stringify(news)}, ${now} WHERE ${mayChange}`,
            ),
          db
            .update(accounts)
            .set({ ...names, updatedAt: now })
            .where(and(eq(accounts.id, caller.account), isWritten))
            .returning(CALLER),
          present,
        ]),
      );
      if (presents.length === 0) return err("revoked");
      return changed.length === 0 ? err("taken") : ok(null);
    },

    /** Keeps what the hub of an account knows. What is there and newer stays (sync.md §0b.2). */
    async keepCopies(
      account: string,
      { seq, settings, settingsVersion }: AccountCopies,
    ): Promise<void> {
      const known = accounts.settingsVersion;
      await withoutValues(
        db
          .update(accounts)
          .set({
            seq: sql`max(${accounts.seq}, ${seq})`,
            settings: sql`CASE WHEN ${known} < ${settingsVersion} THEN ${settings} ELSE ${accounts.settings} END`,
            settingsVersion: sql`max(${known}, ${settingsVersion})`,
          })
          .where(eq(accounts.id, account)),
      );
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
