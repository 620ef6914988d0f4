import { and, eq, exists, gt, isNull, lt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { accountAuthRequests, accounts, terminalAuthRequests } from "../../../../drizzle/sync.ts";
import { withoutValues } from "../../../platform/compare-and-swap.ts";
import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";
import {
  SYNC_PAIRING_NOTED_EVERY_MS,
  SYNC_PAIRING_PICK_UP_MS,
  SYNC_PAIRING_TTL_MS,
} from "../../../protocol/limits.ts";
import type { Caller } from "../hub-commands.ts";
import { isPresent } from "./d1-accounts.ts";

/** Which of the two pairings: a terminal with a phone, or a phone with a phone. */
export type PairingKind = "terminal" | "account";

/** A device that asks to be let into an account, under the key that it has just made. */
export type Pairing = {
  readonly id: string;
  /** False for a pairing of kind `account`. */
  readonly supportsV2: boolean;
  /** null: nobody has approved it. */
  readonly approval: {
    /** What the approving device sends, for the asking device alone to read. */
    readonly response: string;
    /** The account that approved it. */
    readonly by: Caller;
  } | null;
};

/** What came of an approval. `unknown`: nobody asked for it. `revoked`: the token of who approves was. */
type ApprovalOutcome = "approved" | "unknown" | "revoked";

/**
 * How long a pairing that waits is kept, milliseconds. A poll that is not written down counts as well: the row lasts
 * until {@link SYNC_PAIRING_TTL_MS} after the latest one that there may have been.
 */
const WAITS_MS = SYNC_PAIRING_TTL_MS + SYNC_PAIRING_NOTED_EVERY_MS;

const TABLES = { terminal: terminalAuthRequests, account: accountAuthRequests } as const;

/** Only terminals say whether they understand the second version. */
const SUPPORTS_V2 = {
  terminal: terminalAuthRequests.supportsV2,
  account: sql`0`.mapWith(Boolean),
} as const;

/**
 * The pairings that are under way, in D1 (sync.md §0b.8). Keys are lower-case hex. One that is over is as one that
 * never was. Each change is one conditional statement, so a poll that is repeated or
 * late changes nothing, and of two approvals the first one stays.
 */
export function d1Pairings(database: D1Database, newId: IdGenerator = ulidGenerator()) {
  const db = drizzle(database);

  const present = (kind: PairingKind, publicKey: string, now: number) =>
    and(eq(TABLES[kind].publicKey, publicKey), gt(TABLES[kind].expiresAt, now));

  async function read(kind: PairingKind, publicKey: string, now: number): Promise<Row | null> {
    const { id, response, pickedUpAt, expiresAt, responseAccountId } = TABLES[kind];
    const [row] = await db
      .select({
        id,
        response,
        pickedUpAt,
        expiresAt,
        supportsV2: SUPPORTS_V2[kind],
        by: { account: accounts.id, epoch: accounts.tokenEpoch },
      })
      .from(TABLES[kind])
      .leftJoin(accounts, eq(accounts.id, responseAccountId))
      .where(present(kind, publicKey, now));
    return row ?? null;
  }

  /** Keeps a pairing that waits. Most polls only read. */
  async function note(kind: PairingKind, row: Row, now: number): Promise<void> {
    const table = TABLES[kind];
    const notedAt = row.expiresAt - WAITS_MS;
    if (now - notedAt < SYNC_PAIRING_NOTED_EVERY_MS) return;
    const expiresAt = now + WAITS_MS;
    await db
      .update(table)
      .set({ expiresAt, updatedAt: now })
      .where(and(eq(table.id, row.id), isNull(table.response), lt(table.expiresAt, expiresAt)));
  }

  async function pickUp(kind: PairingKind, row: Row, now: number): Promise<void> {
    const table = TABLES[kind];
    if (row.pickedUpAt !== null) return;
    await db
      .update(table)
      .set({ pickedUpAt: now, expiresAt: now + SYNC_PAIRING_PICK_UP_MS, updatedAt: now })
      .where(and(eq(table.id, row.id), isNull(table.pickedUpAt)));
  }

  return {
    /**
     * How far a pairing is, for the device that asks. It keeps a pairing that waits for its approval; the first answer
     * to an approved one starts {@link SYNC_PAIRING_PICK_UP_MS}.
     * @returns null: there is none
     */
    async poll(kind: PairingKind, publicKey: string, now: number): Promise<Pairing | null> {
      const row = await read(kind, publicKey, now);
      if (row === null) return null;
      const pairing = pairingOf(row);
      await (pairing.approval === null ? note(kind, row, now) : pickUp(kind, row, now));
      return pairing;
    },

    /** Begins a pairing, unless there is one. */
    async begin(
      kind: PairingKind,
      publicKey: string,
      supportsV2: boolean,
      now: number,
    ): Promise<void> {
      const table = TABLES[kind];
      const row = {
        id: newId(now),
        publicKey,
        expiresAt: now + WAITS_MS,
        createdAt: now,
        updatedAt: now,
        ...(kind === "terminal" ? { supportsV2 } : {}),
      };
      await withoutValues(
        db.batch([
          db.delete(table).where(lte(table.expiresAt, now)),
          db.insert(table).values(row).onConflictDoNothing(),
        ]),
      );
    },

    /** Reads without changing anything. */
    async find(kind: PairingKind, publicKey: string, now: number): Promise<Pairing | null> {
      const row = await read(kind, publicKey, now);
      return row === null ? null : pairingOf(row);
    },

    /** Approves a pairing, unless somebody has done so before. */
    async approve(
      kind: PairingKind,
      publicKey: string,
      response: string,
      by: Caller,
      now: number,
    ): Promise<ApprovalOutcome> {
      const table = TABLES[kind];
      const account = db.select({ id: accounts.id }).from(accounts).where(isPresent(by));
      const isWaiting = and(present(kind, publicKey, now), isNull(table.response), exists(account));
      const expiresAt = now + SYNC_PAIRING_TTL_MS;
      const [, pairings, approvers] = await withoutValues(
        db.batch([
          db
            .update(table)
            .set({ response, responseAccountId: by.account, expiresAt, updatedAt: now })
            .where(isWaiting),
          db
            .select({ id: table.id })
            .from(table)
            .where(present(kind, publicKey, now)),
          account,
        ]),
      );
      if (approvers.length === 0) return "revoked";
      return pairings.length === 0 ? "unknown" : "approved";
    },

    /** Deletes what is over. */
    async sweep(now: number): Promise<void> {
      await db.batch([
        db.delete(terminalAuthRequests).where(lte(terminalAuthRequests.expiresAt, now)),
        db.delete(accountAuthRequests).where(lte(accountAuthRequests.expiresAt, now)),
      ]);
    },
  };
}

type Row = {
  readonly id: string;
  readonly response: string | null;
  readonly pickedUpAt: number | null;
  readonly expiresAt: number;
  readonly supportsV2: boolean;
  readonly by: Caller | null;
};

function pairingOf({ id, supportsV2, response, by }: Row): Pairing {
  // An account that is deleted takes its approvals with it, so an approval always has an account.
  const approval = response === null || by === null ? null : { response, by };
  return { id, supportsV2, approval };
}
