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

/** Counts are written together after this time, milliseconds. A crash loses at most that much. */
const WRITE_BEHIND_MS = 500;

/** This many unwritten keys are written at once, before the time is up. */
const WAITING_MAX = 1_000;

/** How often keys whose quota is full again are deleted, milliseconds. */
const SWEEP_MS = 60_000;

/** The stored state of a key: when its quota is full again, milliseconds since 1970, or a bucket. */
type Counted = number | SecondBucket;

/**
 * Counts the requests of its share of the keys exactly (docs/design/rate-limits.md). Each key has one row, which
 * is deleted when its quota is full again.
 */
export class RateLimiter extends DurableObject<PlatformEnv> implements RateLimiterRpc {
  readonly #storage: DurableObjectStorage;
  /** Counted, but not written yet. */
  readonly #waiting = new Map<string, Counted>();
  #writesLater = false;
  /** Time of the alarm; undefined: not known since the object was started or the alarm fired. */
  #sweepAt: number | undefined;

  constructor(ctx: DurableObjectState, env: PlatformEnv) {
    super(ctx, env);
    this.#storage = ctx.storage;
  }

  take(key: string, limit: Quota): QuotaDecision {
    const known = this.#waiting.get(key) ?? this.#storage.kv.get<Counted>(key);
    const { counted, ...decision } = decide(limit, known, systemClock());
    if (decision.allowed) {
      this.#waiting.set(key, counted);
      if (this.#waiting.size >= WAITING_MAX) this.#write();
      else this.#writeLater();
    }
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
      await this.#storage.deleteAll();
      return;
    }
    for (const key of keys) this.#storage.kv.delete(key);
    this.#arm(now);
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
