import { waitUntil } from "cloudflare:workers";
import { eq, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { providerKeys as table } from "../../../drizzle/platform.ts";
import { JWKS_REFETCH_COOLDOWN_MS } from "../../protocol/limits.ts";
import type { Clock } from "../clock.ts";
import type { PlatformEnv } from "../env.ts";
import { log } from "../log.ts";
import { askOutside } from "../outbound.ts";
import { KeySet } from "./key-set.ts";

const FETCH_TIMEOUT_MS = 5_000;
const JWKS_MAX_BYTES = 256 * 1024;
/** Keys are asked for again after this time even when all tokens fit, so that withdrawn ones go. */
const JWKS_MAX_AGE_MS = 60 * 60 * 1000;
/** While there are no keys at all, the provider is asked at most this often, milliseconds. */
const FIRST_KEYS_RETRY_MS = 1_000;
/** A claim without an answer after this time, in milliseconds, is abandoned. */
const ANSWER_WITHIN_MS = FETCH_TIMEOUT_MS + 1_000;
/** Whoever waits for somebody else's answer looks first after this time, then after twice as long … */
const FIRST_LOOK_MS = 50;
/** What stands in D1 before there are any. */
const NO_KEYS = '{"keys":[]}';

/** What is known of a provider. */
type Known = {
  /** The last that it gave; null: it has never given any. */
  readonly keys: KeySet | null;
  /** When somebody set out to ask it, milliseconds. */
  readonly askedAt: number;
  /** When that came to an end, with keys or without, milliseconds; before `askedAt`: it has not. */
  readonly answeredAt: number;
};

/**
 * Of this isolate, by the address of the keys; a new isolate starts from the copy in D1. Values only: a
 * promise would never settle once the request that made it is cancelled.
 */
const known = new Map<string, Known>();

/**
 * The provider's public keys (rooms.md §1): in memory, behind it the last good copy in D1, so that a
 * provider that is down logs nobody out, also not after a restart of ours. Whoever wants to ask the
 * provider claims that first, in D1 for all isolates, and then asks to the end even when its own client
 * leaves; the others wait for what comes of it (docs/design/provider-keys.md).
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

  /** Keys to verify with; null: the provider has never given any. */
  async current(): Promise<KeySet | null> {
    const before = known.get(this.#url) ?? (await this.#fromDatabase());
    const keys = before?.keys ?? null;
    if (before === null || keys === null) return (await this.#ask(FIRST_KEYS_RETRY_MS, keys)).keys;
    if (this.#now() - before.askedAt < JWKS_MAX_AGE_MS) return keys;
    return (await this.#ask(JWKS_REFETCH_COOLDOWN_MS, keys)).keys ?? keys;
  }

  /** Keys that may hold one which `tried` does not; null: too soon to ask, or nothing new. */
  async otherThan(tried: KeySet): Promise<KeySet | null> {
    const { keys } = await this.#ask(JWKS_REFETCH_COOLDOWN_MS, tried);
    return keys === tried ? null : keys;
  }

  /** What stands in D1, remembered if the question that it tells of was answered. */
  async #fromDatabase(): Promise<Known | null> {
    const stored = await this.#read();
    const since = known.get(this.#url);
    if (since !== undefined) return since;
    // The answer to a question of another isolate comes to D1 and not to this memory: `#ask` waits for it there.
    const answered = this.#answered(stored);
    return answered === null ? stored : this.#keep(answered);
  }

  /**
   * Asks the provider, or takes what came of it when somebody asked less than `interval` ms ago.
   * @param keys to go on with meanwhile
   */
  async #ask(interval: number, keys: KeySet | null): Promise<Known> {
    const before = known.get(this.#url) ?? null;
    const now = this.#now();
    if (before !== null && !this.#isAnswered(before)) {
      return (await waitFor(async () => this.#answered(known.get(this.#url) ?? null))) ?? before;
    }
    if (before !== null && now - before.askedAt < interval) return before;
    // Claimed within this isolate: between the look above and this line nothing can come.
    this.#keep({ keys: before?.keys ?? keys, askedAt: now, answeredAt: now - 1 });
    const work = this.#askForAll(interval, now);
    waitUntil(work);
    return work;
  }

  /** Never rejects. */
  async #askForAll(interval: number, now: number): Promise<Known> {
    const other = await this.#claim(interval, now);
    if (other !== null) {
      const answer = this.#answered(other) ?? (await waitFor(() => this.#read(true)));
      return this.#keep(answer ?? { ...other, answeredAt: other.askedAt });
    }
    const given = await fetchKeys(this.#url);
    const keys = given === null ? (known.get(this.#url)?.keys ?? null) : this.#unlessSame(given);
    const answer = { keys, askedAt: now, answeredAt: Math.max(now, this.#now()) };
    await this.#write(answer, given);
    return this.#keep(answer);
  }

  /**
   * Claims the asking for this isolate, in one statement.
   * @returns null when it is ours; what is known of whoever has it
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
      // A database that is down keeps nobody out: then each isolate counts for itself.
      log("warn", "auth.keys_not_claimed", { error });
      return null;
    }
  }

  /** @param isAnswered null as well while whoever claimed it has not told what came of it */
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
          // Whoever claimed it since has a newer answer.
          setWhere: lte(table.askedAt, askedAt),
        });
    } catch (error) {
      log("warn", "auth.keys_not_written", { error });
    }
  }

  #knownFrom({ jwks, askedAt, answeredAt }: typeof table.$inferSelect): Known {
    const keys = KeySet.parse(jwks);
    return { keys: keys === null ? null : this.#unlessSame(keys), askedAt, answeredAt };
  }

  /** The set that is there already when it is the same one: its keys are imported. */
  #unlessSame(keys: KeySet): KeySet {
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

/** Forgets what this isolate knows: what a restart does. For tests. */
export function forgetProviderKeys(): void {
  known.clear();
}

/** Looks again and again, ever less often; null: it took too long. */
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
