import { waitUntil } from "cloudflare:workers";
import { eq, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { providerKeys as table } from "../../../drizzle/platform.ts";
import { JWKS_REFETCH_COOLDOWN_MS } from "../../protocol/limits.ts";
import type { Clock } from "../clock.ts";
import type { PlatformEnv } from "../env.ts";
import { log } from "../log.ts";
import { askOutside } from "../../protocol/outbound.ts";
import { KeySet } from "./key-set.ts";

const FETCH_TIMEOUT_MS = 5_000;
const JWKS_MAX_BYTES = 256 * 1024;
/** Keys are fetched again after this time even when all tokens verify, so that withdrawn keys disappear. */
const JWKS_MAX_AGE_MS = 60 * 60 * 1000;
/** Shortest time between two fetches while no keys are known at all, milliseconds. */
const FIRST_KEYS_RETRY_MS = 1_000;
/** A claimed fetch without a result after this time, milliseconds, counts as abandoned. */
const ANSWER_WITHIN_MS = FETCH_TIMEOUT_MS + 1_000;
/** First wait of an isolate that polls for the result of another's fetch, milliseconds; it doubles each time. */
const FIRST_LOOK_MS = 50;
/** The key set that D1 holds before the first fetch succeeds. */
const NO_KEYS = '{"keys":[]}';

/** The last keys of a provider, and its last fetch. */
type Known = {
  /** From the last fetch that succeeded; null: none has. */
  readonly keys: KeySet | null;
  /** When the last fetch started, milliseconds. */
  readonly askedAt: number;
  /** When the last fetch ended, with keys or without, milliseconds; before `askedAt`: it is still running. */
  readonly answeredAt: number;
};

/**
 * The memory of this isolate, by the URL of the keys; a new isolate starts from the copy in D1. It holds no
 * promises: a promise never settles once the request that created it is cancelled.
 */
const known = new Map<string, Known>();

/**
 * The provider's public keys (rooms.md §1): in memory, with the last good copy in D1, so that users stay signed
 * in while the provider is down, also when our isolates restart. An isolate claims a fetch in D1 before it
 * starts, and finishes it even when its own client disconnects; the other isolates wait for the result
 * (docs/design/provider-keys.md).
 */
export class ProviderKeys {
  readonly #database: D1Database;
  readonly #url: string;
  readonly #now: Clock;

  constructor(env: Pick<PlatformEnv, "DB">, url: string, now: Clock) {
    this.#database = env.DB;
    this.#url = url;
    this.#now = now;
  }

  /** Keys to verify with; null: no fetch has ever succeeded. */
  async current(): Promise<KeySet | null> {
    const before = known.get(this.#url) ?? (await this.#fromDatabase());
    const keys = before?.keys ?? null;
    if (before === null || keys === null)
      return (await this.#refresh(FIRST_KEYS_RETRY_MS, keys)).keys;
    if (this.#now() - before.askedAt < JWKS_MAX_AGE_MS) return keys;
    return (await this.#refresh(JWKS_REFETCH_COOLDOWN_MS, keys)).keys ?? keys;
  }

  /** A newer key set than `tried`; null: too soon to fetch, or nothing new. */
  async otherThan(tried: KeySet): Promise<KeySet | null> {
    const { keys } = await this.#refresh(JWKS_REFETCH_COOLDOWN_MS, tried);
    return keys === tried ? null : keys;
  }

  /** Reads the copy in D1. It is kept in memory only if the fetch that it describes has ended. */
  async #fromDatabase(): Promise<Known | null> {
    const stored = await this.#read();
    const since = known.get(this.#url);
    if (since !== undefined) return since;
    // Another isolate writes its result to D1, not to this memory: `#refresh` has to wait for it there.
    const answered = this.#answered(stored);
    return answered === null ? stored : this.#keep(answered);
  }

  /**
   * Fetches the keys, or returns the result of a fetch that started less than `interval` ms ago.
   * @param keys used by others until the fetch has ended
   */
  async #refresh(interval: number, keys: KeySet | null): Promise<Known> {
    const before = known.get(this.#url) ?? null;
    const now = this.#now();
    if (before !== null && !this.#isAnswered(before)) {
      return (await waitFor(async () => this.#answered(known.get(this.#url) ?? null))) ?? before;
    }
    if (before !== null && now - before.askedAt < interval) return before;
    // Claims the fetch within this isolate. There is no await since the check above, so no other request did.
    this.#keep({ keys: before?.keys ?? keys, askedAt: now, answeredAt: now - 1 });
    const work = this.#claimAndFetch(interval, now);
    waitUntil(work);
    return work;
  }

  /** Never rejects. */
  async #claimAndFetch(interval: number, now: number): Promise<Known> {
    const other = await this.#claim(interval, now);
    if (other !== null) {
      const answer = this.#answered(other) ?? (await waitFor(() => this.#read(true)));
      return this.#keep(answer ?? { ...other, answeredAt: other.askedAt });
    }
    const given = await fetchKeys(this.#url);
    const keys = given === null ? (known.get(this.#url)?.keys ?? null) : this.#reuseIfSame(given);
    const answer = { keys, askedAt: now, answeredAt: Math.max(now, this.#now()) };
    await this.#write(answer, given);
    return this.#keep(answer);
  }

  /**
   * Claims the fetch for this isolate, in one batch.
   * @returns null when the claim is ours, else the record of the isolate that holds it
   */
  async #claim(interval: number, now: number): Promise<Known | null> {
    try {
      const db = drizzle(this.#database);
      const isOver = sql`(${table.answeredAt} >= ${table.askedAt} OR ${table.askedAt} <= ${now - ANSWER_WITHIN_MS})`;
      const [claimed, rows] = await db.batch([
        db
          .insert(table)
          .values({ url: this.#url, jwks: NO_KEYS, askedAt: now })
          .onConflictDoUpdate({
            target: table.url,
            set: { askedAt: now },
            setWhere: sql`${table.askedAt} <= ${now - interval} AND ${isOver}`,
          })
          .returning({ url: table.url }),
        db.select().from(table).where(eq(table.url, this.#url)),
      ]);
      const [row] = rows;
      return claimed.length > 0 || row === undefined ? null : this.#knownFrom(row);
    } catch (error) {
      // While the database is down, each isolate fetches for itself, so that users can still sign in.
      log("warn", "auth.keys_not_claimed", { error });
      return null;
    }
  }

  /** @param isAnswered returns null also while the claimed fetch has no result */
  async #read(isAnswered = false): Promise<Known | null> {
    try {
      const [row] = await drizzle(this.#database)
        .select()
        .from(table)
        .where(eq(table.url, this.#url));
      if (row === undefined) return null;
      const stored = this.#knownFrom(row);
      return isAnswered ? this.#answered(stored) : stored;
    } catch (error) {
      log("warn", "auth.keys_not_read", { error });
      return null;
    }
  }

  async #write({ askedAt, answeredAt }: Known, given: KeySet | null): Promise<void> {
    try {
      const copy = given === null ? {} : { jwks: given.text };
      await drizzle(this.#database)
        .insert(table)
        .values({ url: this.#url, jwks: NO_KEYS, ...copy, askedAt, answeredAt })
        .onConflictDoUpdate({
          target: table.url,
          set: { ...copy, askedAt, answeredAt },
          // A later claim brings a newer result, which must stay.
          setWhere: lte(table.askedAt, askedAt),
        });
    } catch (error) {
      log("warn", "auth.keys_not_written", { error });
    }
  }

  #knownFrom({ jwks, askedAt, answeredAt }: typeof table.$inferSelect): Known {
    const keys = KeySet.parse(jwks);
    return { keys: keys === null ? null : this.#reuseIfSame(keys), askedAt, answeredAt };
  }

  /** Returns the set in memory when it has the same text, because its keys are imported already. */
  #reuseIfSame(keys: KeySet): KeySet {
    const before = known.get(this.#url)?.keys;
    return before?.text === keys.text ? before : keys;
  }

  #answered(what: Known | null): Known | null {
    return what !== null && this.#isAnswered(what) ? what : null;
  }

  #isAnswered({ askedAt, answeredAt }: Known): boolean {
    return answeredAt >= askedAt || this.#now() - askedAt >= ANSWER_WITHIN_MS;
  }

  #keep(what: Known): Known {
    known.set(this.#url, what);
    return what;
  }
}

/** Clears the memory of this isolate, as a restart does. For tests. */
export function forgetProviderKeys(): void {
  known.clear();
}

/** Polls, and doubles the wait each time; null: it took too long. */
async function waitFor(look: () => Promise<Known | null>): Promise<Known | null> {
  for (let wait = FIRST_LOOK_MS; wait < ANSWER_WITHIN_MS; wait *= 2) {
    await scheduler.wait(wait);
    const seen = await look();
    if (seen !== null) return seen;
  }
  return null;
}

async function fetchKeys(url: string): Promise<KeySet | null> {
  try {
    const bounds = { timeoutMs: FETCH_TIMEOUT_MS, maxBytes: JWKS_MAX_BYTES };
    const { status, text } = await askOutside(
      url,
      { headers: { Accept: "application/json" } },
      bounds,
    );
    if (status < 200 || status > 299) throw new Error(`the provider answered ${status}`);
    if (text === null) throw new Error(`the key set has more than ${JWKS_MAX_BYTES} bytes`);
    const keys = KeySet.parse(text);
    if (keys === null) throw new Error("the provider's answer holds no key that can be used");
    return keys;
  } catch (error) {
    log("warn", "auth.keys_unavailable", { url, error });
    return null;
  }
}
