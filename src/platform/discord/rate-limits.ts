import { Buckets, DEFAULT_PAUSE_MS, LONGEST_PAUSE_MS, type RememberedBuckets } from "./buckets.ts";
import type { RateLimitRoute } from "./call.ts";
import { GlobalRate } from "./global-rate.ts";
import { OUTSIDE_PAUSE_MAX_MS } from "../../protocol/limits.ts";
import { GrowingPause, type RememberedPause } from "../growing-pause.ts";
import { isInvalidRequest, mustBeRemembered, type LimitSignals } from "./limit-signals.ts";

/** Discord bans an address for a while after 10,000 responses of 401, 403 and 429 in this time. */
export const INVALID_WINDOW_MS = 10 * 60 * 1000;
/** We stop at half of that, because other Workers may share the address. */
export const INVALID_REQUESTS_MAX = 5_000;

/** Pause of all calls after a 401, because each further call would count towards the ban. */
export const UNAUTHORIZED_PAUSE_MS = 60_000;

/** First pause after Discord's edge refused our address without a time. */
export const ADDRESS_PAUSE_FIRST_MS = 5_000;

/** Whether a call may be sent now. */
export type Admission =
  | { readonly kind: "go" }
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  | { readonly kind: "unauthorized"; readonly retryAfterMs: number };

/** The state that must survive an eviction: every pause and limit. The waiting lines are not in it. */
export type RememberedLimits = RememberedBuckets & {
  readonly pausedUntil: number;
  readonly unauthorizedUntil: number;
  readonly invalid: { readonly since: number; readonly count: number };
  /** Absent in the state of older versions. */
  readonly address?: RememberedPause;
};

/**
 * Discord's rate limits, learned from responses (discord.md §2 REST): buckets, the global limit, the guard
 * against the ban for invalid requests, and the pause of all calls while our address is refused. A caller with a
 * place that returns at the time it was given gets its turn (docs/design/discord-fair-share.md). Pure: times are
 * passed in as milliseconds, and nothing waits.
 */
export class RateLimits {
  readonly #buckets: Buckets;
  readonly #global = new GlobalRate();
  #pausedUntil: number;
  #unauthorizedUntil: number;
  #invalid: { since: number; count: number };
  readonly #address: GrowingPause;

  constructor(remembered?: RememberedLimits) {
    this.#buckets = new Buckets(remembered);
    this.#pausedUntil = remembered?.pausedUntil ?? 0;
    this.#unauthorizedUntil = remembered?.unauthorizedUntil ?? 0;
    this.#invalid = { ...(remembered?.invalid ?? { since: 0, count: 0 }) };
    this.#address = new GrowingPause(
      { firstMs: ADDRESS_PAUSE_FIRST_MS, mostMs: OUTSIDE_PAUSE_MAX_MS },
      remembered?.address,
    );
  }

  /**
   * Decides whether a call may be sent. After "go" it counts as in flight until {@link settle} or {@link abandon}.
   * @param place the same for each repetition of this call; absent: a person waits, and no turn is kept
   */
  admit(route: RateLimitRoute, now: number, place?: string): Admission {
    if (now < this.#unauthorizedUntil) {
      return { kind: "unauthorized", retryAfterMs: this.#unauthorizedUntil - now };
    }
    const bucketUntil = this.#buckets.until(route, now, place);
    const notBefore = Math.max(
      this.#pausedUntil,
      this.#invalidUntil(now),
      this.#address.until(now),
    );
    const until = Math.max(bucketUntil, this.#global.until(now, notBefore, place));
    if (until <= now) {
      this.#buckets.take(route, now, place);
      this.#global.take(now, place);
      this.#address.take(now);
      return { kind: "go" };
    }
    if (place !== undefined) {
      // The turn in the bucket is kept also while the caller waits for the global limit.
      this.#buckets.keep(route, place, until, now);
      if (bucketUntil <= now) this.#global.keep(place, until);
      else this.#global.leave(place);
    }
    return { kind: "rate_limited", retryAfterMs: until - now };
  }

  /**
   * Learns from the response to an admitted call.
   * @returns whether something changed that {@link remember} has to store
   */
  settle(route: RateLimitRoute, signals: LimitSignals, now: number, place?: string): boolean {
    this.abandon(route, now, place);
    if (signals.scope === "address") {
      this.#countInvalid(now);
      this.#address.refuse(now, signals.retryAfterMs ?? null);
      return true;
    }
    const isBack = this.#address.end(now);
    this.#learn(route, signals, now, place);
    return isBack || mustBeRemembered(signals);
  }

  #learn(route: RateLimitRoute, signals: LimitSignals, now: number, place?: string): void {
    if (isInvalidRequest(signals)) this.#countInvalid(now);
    if (signals.status === 401) this.#unauthorizedUntil = now + UNAUTHORIZED_PAUSE_MS;
    if (signals.status !== 429) {
      this.#buckets.learn(route, signals, now, place);
      return;
    }
    const pause = Math.min(
      signals.retryAfterMs ?? signals.resetAfterMs ?? DEFAULT_PAUSE_MS,
      LONGEST_PAUSE_MS,
    );
    if (signals.scope === "global") this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
    else this.#buckets.learnRefusal(route, signals, pause, now);
    if (place === undefined) return;
    this.#buckets.keepFirst(route, place, now + pause, now);
    if (signals.scope === "global") this.#global.keepFirst(place, now + pause);
  }

  /** Gives the next turn to a caller whose call had no effect and is replaced by another at once. */
  giveBack(route: RateLimitRoute, place: string, now: number): void {
    this.#buckets.keepFirst(route, place, now, now);
  }

  /** Records that an admitted call ended without a response. */
  abandon(route: RateLimitRoute, now: number, place?: string): void {
    this.#buckets.end(route);
    this.#global.end(now, place);
  }

  /** The state to store, so that it survives a restart. */
  remember(now: number): RememberedLimits {
    return {
      ...this.#buckets.remember(now),
      pausedUntil: this.#pausedUntil,
      unauthorizedUntil: this.#unauthorizedUntil,
      invalid: this.#invalid,
      address: this.#address.remember(),
    };
  }

  #countInvalid(now: number): void {
    if (now - this.#invalid.since >= INVALID_WINDOW_MS) this.#invalid = { since: now, count: 0 };
    this.#invalid.count += 1;
  }

  #invalidUntil(now: number): number {
    const end = this.#invalid.since + INVALID_WINDOW_MS;
    return this.#invalid.count >= INVALID_REQUESTS_MAX && now < end ? end : 0;
  }
}
