import { IDEMPOTENCY_KEY_MAX_LENGTH, IDEMPOTENCY_TTL_MS } from "../protocol/limits.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * A claim that has not ended after this time belongs to a Worker that died, milliseconds: longer than
 * any request of ours may take.
 */
export const CLAIM_STALE_MS = 30_000;

/** A request that carries a key, of one user. */
export type IdempotentRequest = {
  readonly sub: string;
  readonly key: string;
  /** From {@link fingerprintOf}. */
  readonly fingerprint: string;
};

/** What the key says about this request (rooms.md §1, Idempotency). */
export type Claim =
  /** The first of its kind: do it, then {@link complete} or {@link release}. */
  | { readonly kind: "new" }
  /** It was done: answer the same. */
  | { readonly kind: "replay"; readonly status: number; readonly body: unknown }
  | { readonly kind: "in_flight" }
  /** The key was used for another request. */
  | { readonly kind: "mismatch" }
  /** Claimed anew from a Worker that died: find out first what it had done. */
  | { readonly kind: "stale" };

type Row = { fingerprint: string; claimed_at: number; status: number | null; body: string | null };

type Database = Pick<D1Database, "prepare" | "batch">;

/** The key of a request, from either header; null: it has none. */
export function readIdempotencyKey(headers: Headers): Result<string | null, "invalid"> {
  const key = headers.get("Idempotency-Key") ?? headers.get("X-Idempotency-Key");
  if (key === null) return ok(null);
  if (key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX_LENGTH) return err("invalid");
  return ok(key);
}

/** What makes two requests the same: method, path and body, whatever the order of its members. */
export async function fingerprintOf(method: string, path: string, body: unknown): Promise<string> {
  const text = `${method} ${path} ${JSON.stringify(sorted(body))}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Claims the key, or says what is known of it. One statement decides, so two requests cannot both win. */
export async function begin(db: Database, request: IdempotentRequest, now: number): Promise<Claim> {
  const { sub, key, fingerprint } = request;
  const claim = db
    .prepare(
      `INSERT INTO idempotency_keys (sub, key, fingerprint, claimed_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
       ON CONFLICT (sub, key) DO UPDATE SET fingerprint = excluded.fingerprint,
         claimed_at = excluded.claimed_at, expires_at = excluded.expires_at, status = NULL, body = NULL
       WHERE idempotency_keys.expires_at <= ?4
       RETURNING key`,
    )
    .bind(sub, key, fingerprint, now, now + IDEMPOTENCY_TTL_MS);
  const takeOver = db
    .prepare(
      `UPDATE idempotency_keys SET claimed_at = ?4
       WHERE sub = ?1 AND key = ?2 AND fingerprint = ?3 AND status IS NULL AND claimed_at <= ?5
       RETURNING key`,
    )
    .bind(sub, key, fingerprint, now, now - CLAIM_STALE_MS);
  const read = db
    .prepare(
      "SELECT fingerprint, claimed_at, status, body FROM idempotency_keys WHERE sub = ? AND key = ?",
    )
    .bind(sub, key);
  const [claimed, takenOver, found] = await db.batch<Row>([claim, takeOver, read]);
  if ((claimed?.results.length ?? 0) > 0) return { kind: "new" };
  if ((takenOver?.results.length ?? 0) > 0) return { kind: "stale" };
  const row = found?.results[0];
  if (row === undefined) throw new Error("an idempotency key vanished inside its transaction");
  if (row.fingerprint !== fingerprint) return { kind: "mismatch" };
  if (row.status === null) return { kind: "in_flight" };
  return { kind: "replay", status: row.status, body: JSON.parse(row.body ?? "null") };
}

/** Stores a success: from now on the key answers it. Idempotent. */
export async function complete(
  db: Database,
  { sub, key }: Pick<IdempotentRequest, "sub" | "key">,
  answer: { readonly status: number; readonly body: unknown },
): Promise<void> {
  await db
    .prepare("UPDATE idempotency_keys SET status = ?, body = ? WHERE sub = ? AND key = ?")
    .bind(answer.status, JSON.stringify(answer.body), sub, key)
    .run();
}

/**
 * Frees the key of a request that failed; old keys go with it. Idempotent.
 * @param claimedBy a claim that began later than this, milliseconds, is another request's and stays
 */
export async function release(
  db: Database,
  { sub, key }: Pick<IdempotentRequest, "sub" | "key">,
  now: number,
  claimedBy: number = now,
): Promise<void> {
  await db.batch([
    db
      .prepare(
        `DELETE FROM idempotency_keys
         WHERE sub = ? AND key = ? AND status IS NULL AND claimed_at <= ?`,
      )
      .bind(sub, key, claimedBy),
    db.prepare("DELETE FROM idempotency_keys WHERE expires_at <= ?").bind(now),
  ]);
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
