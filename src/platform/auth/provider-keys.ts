import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { createLocalJWKSet, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { providerKeys as table } from "../../../drizzle/platform.ts";
import type { Env } from "../../env.ts";
import { JWKS_REFETCH_COOLDOWN_MS } from "../../protocol/limits.ts";
import type { Clock } from "../clock.ts";
import { readAtMost } from "../http/read-at-most.ts";
import { log } from "../log.ts";

const FETCH_TIMEOUT_MS = 5_000;
const JWKS_MAX_BYTES = 256 * 1024;
/** Keys are asked for again after this time even when all tokens fit, so that withdrawn ones go. */
const JWKS_MAX_AGE_MS = 60 * 60 * 1000;
/** While there are no keys at all, the provider is asked at most this often, milliseconds. */
const FIRST_KEYS_RETRY_MS = 1_000;

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });
type KeySet = z.infer<typeof KeySet>;

type Known = {
  /** Finds the key that a token names; keeps imported keys. */
  readonly find: JWTVerifyGetKey;
  /** When the provider was last asked, whether it answered or not, milliseconds. */
  readonly askedAt: number;
};

/** Of this isolate, by the address of the keys. A new isolate starts from the copy in D1. */
const known = new Map<string, Known>();
const failedAt = new Map<string, number>();

/**
 * The provider's public keys (rooms.md §1): in memory, behind it the last good copy in D1, so that a
 * provider that is down logs nobody out, also not after a restart of ours. All isolates share D1's
 * note of when the provider was asked, so that tokens with invented key ids cannot make us flood it.
 */
export class ProviderKeys {
  readonly #database: D1Database;
  readonly #url: string;
  readonly #now: Clock;

  constructor(env: Pick<Env, "DB">, url: string, now: Clock) {
    this.#database = env.DB;
    this.#url = url;
    this.#now = now;
  }

  /** Keys to verify with; null: the provider has never answered. */
  async current(): Promise<JWTVerifyGetKey | null> {
    const remembered = known.get(this.#url) ?? (await this.#fromDatabase());
    if (remembered !== null && this.#now() - remembered.askedAt < JWKS_MAX_AGE_MS) {
      return remembered.find;
    }
    const lastFailure = failedAt.get(this.#url) ?? Number.NEGATIVE_INFINITY;
    if (remembered === null && this.#now() - lastFailure < FIRST_KEYS_RETRY_MS) return null;
    return (await this.#ask(remembered))?.find ?? null;
  }

  /** Keys that may hold one which {@link current} did not; null: too soon, or nothing new. */
  async afterUnknownKey(): Promise<JWTVerifyGetKey | null> {
    const before = known.get(this.#url) ?? null;
    if (before !== null && this.#isFresh(before)) return null;
    // Another isolate may have asked meanwhile.
    const shared = await this.#fromDatabase();
    if (shared !== null && this.#isFresh(shared)) return shared.find;
    const asked = await this.#ask(shared ?? before);
    return asked === null || asked.find === before?.find ? null : asked.find;
  }

  #isFresh({ askedAt }: Known): boolean {
    return this.#now() - askedAt < JWKS_REFETCH_COOLDOWN_MS;
  }

  /** Asks the provider; when it does not answer, what was known goes on working. */
  async #ask(remembered: Known | null): Promise<Known | null> {
    const askedAt = this.#now();
    const keys = await fetchKeys(this.#url);
    if (keys === null && remembered === null) {
      failedAt.set(this.#url, askedAt);
      return null;
    }
    await this.#write(keys, askedAt);
    if (keys !== null) return this.#remember(keys, askedAt);
    if (remembered === null) return null;
    const kept = { ...remembered, askedAt };
    known.set(this.#url, kept);
    return kept;
  }

  #remember(keys: KeySet, askedAt: number): Known {
    const fresh = { find: createLocalJWKSet(keys), askedAt };
    known.set(this.#url, fresh);
    return fresh;
  }

  async #fromDatabase(): Promise<Known | null> {
    try {
      const [row] = await drizzle(this.#database)
        .select()
        .from(table)
        .where(eq(table.url, this.#url));
      return row === undefined
        ? null
        : this.#remember(KeySet.parse(JSON.parse(row.jwks)), row.askedAt);
    } catch (error) {
      log("warn", "auth.keys_not_read", { error });
      return null;
    }
  }

  /** Keeps the answer, or only that there was none. A database that is down keeps nobody out. */
  async #write(keys: KeySet | null, askedAt: number): Promise<void> {
    try {
      const db = drizzle(this.#database);
      if (keys === null) {
        await db.update(table).set({ askedAt }).where(eq(table.url, this.#url));
        return;
      }
      const copy = { jwks: JSON.stringify(keys), askedAt };
      await db
        .insert(table)
        .values({ url: this.#url, ...copy })
        .onConflictDoUpdate({ target: table.url, set: copy });
    } catch (error) {
      log("warn", "auth.keys_not_written", { error });
    }
  }
}

/** Forgets what this isolate knows: what a restart does. For tests. */
export function forgetProviderKeys(): void {
  known.clear();
  failedAt.clear();
}

async function fetchKeys(url: string): Promise<KeySet | null> {
  try {
    const response = await fetch(url, {
      headers: { Accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    const bytes = await readAtMost(response.body, JWKS_MAX_BYTES);
    if (bytes === null) throw new Error(`the key set has more than ${JWKS_MAX_BYTES} bytes`);
    return KeySet.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    log("warn", "auth.keys_unavailable", { url, error });
    return null;
  }
}
