import { DurableObject } from "cloudflare:workers";
import { systemClock } from "./clock.ts";
import type { PlatformEnv, RateLimiterRpc } from "./env.ts";
import {
  decideGcra,
  decideSecondBucket,
  type Quota,
  type QuotaDecision,
  type SecondBucket,
} from "./quota.ts";

/**
 * A key whose quota is full again within this time, milliseconds, is only kept in memory. An object that nobody
 * calls stays in memory for 10 s (Cloudflare, Lifecycle of a Durable Object), so the count outlives its meaning.
 */
export const MEMORY_ONLY_MS = 5_000;

/** Other counts are written together after this time, milliseconds. A crash loses at most that much of them. */
const WRITE_BEHIND_MS = 500;

/** This many unwritten keys are written at once, before the time is up. */
const WAITING_MAX = 1_000;

/** How often keys whose quota is full again are deleted, milliseconds. */
const SWEEP_MS = 60_000;

/** The stored state of a key: when its quota is full again, milliseconds since 1970, or a bucket. */
type Counted = number | SecondBucket;

/**
 * Counts the requests of its share of the keys exactly (docs/design/rate-limits.md). A key that asks often has one
 * row, which is deleted when its quota is full again. A key that asks now and then writes nothing, so an object
 * that serves only such keys has no database.
 */
export class RateLimiter extends DurableObject<PlatformEnv> implements RateLimiterRpc {
  readonly #storage: DurableObjectStorage;
  /** Counted, and kept in memory only. */
  readonly #brief = new BriefCounts();
  /** Counted, but not written yet. */
  readonly #waiting = new Map<string, Counted>();
  #writesLater = false;
  /** Whether any key has a row; undefined: not known since the object was started. */
  #hasRows: boolean | undefined;
  /** Time of the alarm; undefined: not known since the object was started or the alarm fired. */
  #sweepAt: number | undefined;

  constructor(ctx: DurableObjectState, env: PlatformEnv) {
    super(ctx, env);
    this.#storage = ctx.storage;
  }

  take(key: string, limit: Quota): QuotaDecision {
    const now = systemClock();
    const { counted, ...decision } = decide(limit, this.#known(key, now), now);
    if (!decision.allowed) return decision;
    // What waits to be written is the key's newest count.
    if (decision.resetMs <= MEMORY_ONLY_MS && !this.#waiting.has(key)) {
      this.#brief.set(key, counted, now);
      return decision;
    }
    this.#brief.delete(key);
    this.#waiting.set(key, counted);
    if (this.#waiting.size >= WAITING_MAX) this.#write();
    else this.#writeLater();
    return decision;
  }

  override async alarm(): Promise<void> {
    this.#sweepAt = undefined;
    this.#write();
    const now = systemClock();
    const keys: string[] = [];
    let kept = 0;
    for (const [key, counted] of this.#storage.kv.list<Counted>()) {
      if ((typeof counted === "number" ? counted : counted.fullAt) <= now) keys.push(key);
      else kept += 1;
    }
    if (kept === 0) {
      // Before it is deleted: a request may come meanwhile, and write again.
      this.#hasRows = undefined;
      await this.#storage.deleteAll();
      return;
    }
    for (const key of keys) this.#storage.kv.delete(key);
    this.#arm(now);
  }

  #known(key: string, now: number): Counted | undefined {
    const counted = this.#brief.get(key, now) ?? this.#waiting.get(key);
    if (counted !== undefined) return counted;
    this.#hasRows ??= !this.#storage.kv.list({ limit: 1 })[Symbol.iterator]().next().done;
    return this.#hasRows ? this.#storage.kv.get<Counted>(key) : undefined;
  }

  #writeLater(): void {
    if (this.#writesLater) return;
    this.#writesLater = true;
    const written = new Promise<void>((resolve) => {
      setTimeout(() => {
        this.#writesLater = false;
        this.#write();
        resolve();
      }, WRITE_BEHIND_MS);
    });
    this.ctx.waitUntil(written);
  }

  /** Writes all waiting counts in one commit. */
  #write(): void {
    if (this.#waiting.size === 0) return;
    this.#hasRows = true;
    for (const [key, counted] of this.#waiting) this.#storage.kv.put(key, counted);
    this.#waiting.clear();
    this.#arm(systemClock());
  }

  /** Sets the alarm to fixed times. A time relative to the last request could move on forever. */
  #arm(now: number): void {
    const at = (Math.floor(now / SWEEP_MS) + 1) * SWEEP_MS;
    if (at === this.#sweepAt) return;
    this.#sweepAt = at;
    void this.#storage.setAlarm(at);
  }
}

/** Counts that mean nothing any more after {@link MEMORY_ONLY_MS}. It forgets old ones without looking at each. */
class BriefCounts {
  #newer = new Map<string, Counted>();
  #older = new Map<string, Counted>();
  /** When {@link BriefCounts.#newer} began, milliseconds. */
  #since = 0;

  get(key: string, now: number): Counted | undefined {
    this.#forget(now);
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: string, counted: Counted, now: number): void {
    this.#forget(now);
    this.#newer.set(key, counted);
  }

  delete(key: string): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }

  #forget(now: number): void {
    if (now - this.#since < MEMORY_ONLY_MS) return;
    // What is in the older one was set before the newer one began.
    this.#older = now - this.#since < 2 * MEMORY_ONLY_MS ? this.#newer : new Map();
    this.#newer = new Map();
    this.#since = now;
  }
}

/** Ignores a stored count of the other algorithm: the limit has changed since then. */
function decide(
  limit: Quota,
  known: Counted | undefined,
  now: number,
): QuotaDecision & { readonly counted: Counted } {
  if (limit.inWholeSeconds === true) {
    const before = typeof known === "number" ? undefined : known;
    const { bucket, ...decision } = decideSecondBucket(limit, before, now);
    return { ...decision, counted: bucket };
  }
  const before = typeof known === "number" ? known : undefined;
  const { tat, ...decision } = decideGcra(limit, before, now);
  return { ...decision, counted: tat };
}
