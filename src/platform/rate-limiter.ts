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

/** What was counted is written together after this time, milliseconds: what a crash may forget. */
const WRITE_BEHIND_MS = 500;

/** So many keys that wait are written at once, whatever the time. */
const WAITING_MAX = 1_000;

/** Keys whose quota is whole again are swept this often, milliseconds. */
const SWEEP_MS = 60_000;

/** What is remembered of a key: when its quota is whole again, milliseconds since 1970, or a bucket. */
type Counted = number | SecondBucket;

/**
 * Counts the requests of its share of the keys exactly (docs/design/rate-limits.md). A row a key, which
 * goes when its quota is whole again.
 */
export class RateLimiter extends DurableObject<PlatformEnv> implements RateLimiterRpc {
  readonly #storage: DurableObjectStorage;
  /** Counted, but not written yet. */
  readonly #waiting = new Map<string, Counted>();
  #writesLater = false;
  /** When the alarm is set for; undefined: not known since the last wake. */
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

  /** One commit for all that wait. */
  #write(): void {
    if (this.#waiting.size === 0) return;
    for (const [key, counted] of this.#waiting) this.#storage.kv.put(key, counted);
    this.#waiting.clear();
    this.#arm(systemClock());
  }

  /** At fixed times: one that were counted from the last request might never come. */
  #arm(now: number): void {
    const at = (Math.floor(now / SWEEP_MS) + 1) * SWEEP_MS;
    if (at === this.#sweepAt) return;
    this.#sweepAt = at;
    void this.#storage.setAlarm(at);
  }
}

/** What was counted in the other way is forgotten: a limit has changed to this one. */
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
