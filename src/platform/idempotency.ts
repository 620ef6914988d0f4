import { and, eq, isNull, lte, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { idempotencyKeys as table } from "../../drizzle/platform.ts";
import { hexOf, sha256 } from "../protocol/bytes.ts";
import { IDEMPOTENCY_KEY_MAX_LENGTH, IDEMPOTENCY_TTL_MS } from "../protocol/limits.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * A claim that is older belongs to a Worker that died, milliseconds. It is longer than any of our requests may
 * take.
 */
export const CLAIM_STALE_MS = 30_000;

/** A request of a user with an idempotency key. */
export type IdempotentRequest = {
  readonly sub: string;
  readonly key: string;
  /** From {@link fingerprintOf}. */
  readonly fingerprint: string;
};

/** A key together with its user, because two users may choose the same key. */
type Key = Pick<IdempotentRequest, "sub" | "key">;

/** What the key says about this request (rooms.md §1, Idempotency). */
export type Claim =
  /** The first request with this key: execute it, then call {@link complete} or {@link release}. */
  | { readonly kind: "new" }
  /** The request was completed before: send the same answer. */
  | { readonly kind: "replay"; readonly status: number; readonly body: unknown }
  | { readonly kind: "in_flight" }
  /** The key was used for another request. */
  | { readonly kind: "mismatch" }
  /** Taken over from a Worker that died: find out first what it had already done. */
  | { readonly kind: "stale" };

/** The key of a request, from either header; null: the request has none. */
export function readIdempotencyKey(headers: Headers): Result<string | null, "invalid"> {
  const key = headers.get("Idempotency-Key") ?? headers.get("X-Idempotency-Key");
  if (key === null) return ok(null);
  if (key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX_LENGTH) return err("invalid");
  return ok(key);
}

/** Equal for requests with the same method, path and body. The order of the body's members does not matter. */
export async function fingerprintOf(method: string, path: string, body: unknown): Promise<string> {
  const text = `${method} ${path} ${JSON.stringify(sorted(body))}`;
  return hexOf(await sha256(text));
}

/** Claims the key, or reports its state. All statements are one transaction, so only one request can claim it. */
export async function begin(
  database: D1Database,
  request: IdempotentRequest,
  now: number,
): Promise<Claim> {
  const { sub, key, fingerprint } = request;
  const db = drizzle(database);
  const claimed = { fingerprint, claimedAt: now, expiresAt: now + IDEMPOTENCY_TTL_MS };
  const [created, takenOver, [row]] = await db.batch([
    db
      .insert(table)
      .values({ sub, key, ...claimed })
      .onConflictDoUpdate({
        target: [table.sub, table.key],
        set: { ...claimed, status: null, body: null },
        setWhere: lte(table.expiresAt, now),
      })
      .returning({ key: table.key }),
    db
      .update(table)
      .set({ claimedAt: now })
      .where(
        and(
          isKey(request),
          eq(table.fingerprint, fingerprint),
          isNull(table.status),
          lte(table.claimedAt, now - CLAIM_STALE_MS),
        ),
      )
      .returning({ key: table.key }),
    db.select().from(table).where(isKey(request)),
  ]);
  if (created.length > 0) return { kind: "new" };
  if (takenOver.length > 0) return { kind: "stale" };
  if (row === undefined) throw new Error("an idempotency key vanished inside its transaction");
  if (row.fingerprint !== fingerprint) return { kind: "mismatch" };
  if (row.status === null) return { kind: "in_flight" };
  return { kind: "replay", status: row.status, body: JSON.parse(row.body ?? "null") };
}

/** Stores the answer of a success, for later requests with the same key. Idempotent. */
export async function complete(
  database: D1Database,
  key: Key,
  answer: { readonly status: number; readonly body: unknown },
): Promise<void> {
  await drizzle(database)
    .update(table)
    .set({ status: answer.status, body: JSON.stringify(answer.body) })
    .where(isKey(key));
}

/** Old keys that one statement deletes. */
const SWEEP_ROWS = 1_000;
/** Statements of one sweep. The rest is deleted an hour later. */
const SWEEP_STATEMENTS = 100;

/** Deletes expired keys. Runs once an hour; a sweep is bounded, and the next one continues. */
export async function sweepIdempotencyKeys(database: D1Database, now: number): Promise<void> {
  for (let i = 0; i < SWEEP_STATEMENTS; i += 1) {
    const { meta } = await database
      .prepare(
        `DELETE FROM idempotency_keys WHERE rowid IN
           (SELECT rowid FROM idempotency_keys WHERE expires_at <= ? LIMIT ?)`,
      )
      .bind(now, SWEEP_ROWS)
      .run();
    if (meta.changes < SWEEP_ROWS) return;
  }
}

/**
 * Frees the key of a request that failed. Idempotent.
 * @param claimedBy a later claim than this, milliseconds, belongs to another request and stays
 */
export async function release(database: D1Database, key: Key, claimedBy: number): Promise<void> {
  await drizzle(database)
    .delete(table)
    .where(and(isKey(key), isNull(table.status), lte(table.claimedAt, claimedBy)));
}

function isKey({ sub, key }: Key): SQL | undefined {
  return and(eq(table.sub, sub), eq(table.key, key));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
