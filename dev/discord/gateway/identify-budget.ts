import type { Clock } from "../../../src/platform/clock.ts";
import type { SessionStartLimit } from "../rest/api.ts";

/** IDENTIFYs in {@link DAY_MS}; one more and Discord resets the token. */
const IDENTIFIES_PER_DAY = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const MAX_CONCURRENCY = 1;

/** One IDENTIFY per shard in this time, milliseconds. */
export const IDENTIFY_INTERVAL_MS = 5_000;

/** The budget as it stands in the state file. */
export interface IdentifyBudgetState {
  readonly used: number;
  readonly resetsAt: number;
}

/** Counts IDENTIFYs as `session_start_limit` tells them; RESUME is free. */
export class IdentifyBudget {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #lastByKey = new Map<number, number>();
  #used: number;
  #resetsAt: number;

  constructor(clock: Clock, intervalMs: number, state: IdentifyBudgetState | undefined) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#used = state?.used ?? 0;
    this.#resetsAt = state?.resetsAt ?? 0;
  }

  /** Takes one: `too_soon` is op 9, `exhausted` is close 4004 (the token is no longer valid). */
  take(shardId: number): "ok" | "too_soon" | "exhausted" {
    const now = this.#clock();
    const key = shardId % MAX_CONCURRENCY;
    const last = this.#lastByKey.get(key);
    if (last !== undefined && now - last < this.#intervalMs) return "too_soon";
    if (this.limit().remaining === 0) return "exhausted";
    if (now >= this.#resetsAt) {
      this.#used = 0;
      this.#resetsAt = now + DAY_MS;
    }
    this.#used += 1;
    this.#lastByKey.set(key, now);
    return "ok";
  }

  /** As `GET /gateway/bot` tells it. */
  limit(): SessionStartLimit {
    const now = this.#clock();
    const fresh = now >= this.#resetsAt;
    return {
      total: IDENTIFIES_PER_DAY,
      remaining: fresh ? IDENTIFIES_PER_DAY : Math.max(0, IDENTIFIES_PER_DAY - this.#used),
      reset_after: fresh ? 0 : this.#resetsAt - now,
      max_concurrency: MAX_CONCURRENCY,
    };
  }

  state(): IdentifyBudgetState {
    return { used: this.#used, resetsAt: this.#resetsAt };
  }
}
