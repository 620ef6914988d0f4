import type { RateLimitRoute } from "./call.ts";

/** Requests a bot may send in any second, over all routes (discord.md §2 REST). */
export const GLOBAL_REQUESTS_PER_SECOND = 50;
const GLOBAL_WINDOW_MS = 1000;

/** Discord bans an address for a while at 10,000 of 401, 403 and 429 in this time. */
export const INVALID_WINDOW_MS = 10 * 60 * 1000;
/** We stop at half of that: other Workers may share the address. */
export const INVALID_REQUESTS_MAX = 5_000;

/** After a 401 nobody calls for this long: each further call would count towards the ban. */
export const UNAUTHORIZED_PAUSE_MS = 60_000;

/** Longest pause that is believed; a longer one is asked about again after this. */
const LONGEST_PAUSE_MS = 24 * 60 * 60 * 1000;

/** Pause after a 429 that does not say how long. */
const DEFAULT_PAUSE_MS = 1_000;

/** Bucket windows that are remembered; beyond it the finished ones are dropped. */
const WINDOWS_MAX = 2_000;

/** What a response says of limits. Times are relative, so that clocks need not agree. */
export type LimitSignals = {
  readonly status: number;
  readonly bucket?: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetAfterMs?: number;
  /** Of a 429. */
  readonly retryAfterMs?: number;
  readonly scope?: "user" | "global" | "shared";
};

/** Whether a call may go now. */
export type Admission =
  | { readonly kind: "go" }
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  | { readonly kind: "unauthorized"; readonly retryAfterMs: number };

type Window = {
  readonly limit: number;
  /** Calls that may still go before {@link resetAt}, those in flight taken off. */
  readonly remaining: number;
  /** Milliseconds. */
  readonly resetAt: number;
  /** Nothing was heard of this window yet: its end is a guess. */
  readonly guessed?: true;
};

/** What must outlive an eviction: everything that says "not before". */
export type RememberedLimits = {
  readonly buckets: readonly (readonly [route: string, bucket: string])[];
  readonly windows: readonly (readonly [key: string, window: Window])[];
  readonly pausedUntil: number;
  readonly unauthorizedUntil: number;
  readonly invalid: { readonly since: number; readonly count: number };
};

/**
 * Discord's rate limits as far as responses have told us (discord.md §2 REST): buckets by hash and
 * major id, the global limit, and the guard against the ban for invalid requests. Pure: time comes in
 * as milliseconds, nothing waits.
 */
export class RateLimits {
  readonly #buckets: Map<string, string>;
  readonly #windows: Map<string, Window>;
  readonly #inFlight = new Map<string, number>();
  #sentAt: number[] = [];
  #pausedUntil: number;
  #unauthorizedUntil: number;
  #invalid: { since: number; count: number };

  constructor(remembered?: RememberedLimits) {
    this.#buckets = new Map(remembered?.buckets);
    this.#windows = new Map(remembered?.windows);
    this.#pausedUntil = remembered?.pausedUntil ?? 0;
    this.#unauthorizedUntil = remembered?.unauthorizedUntil ?? 0;
    this.#invalid = { ...(remembered?.invalid ?? { since: 0, count: 0 }) };
  }

  /** Asks to send; "go" counts it as in flight until {@link settle} or {@link abandon}. */
  admit(route: RateLimitRoute, now: number): Admission {
    if (now < this.#unauthorizedUntil) {
      return { kind: "unauthorized", retryAfterMs: this.#unauthorizedUntil - now };
    }
    const key = this.#keyOf(route);
    const until = Math.max(
      this.#pausedUntil,
      this.#invalidUntil(now),
      this.#globalUntil(now),
      this.#windowUntil(key, now),
    );
    if (now < until) return { kind: "rate_limited", retryAfterMs: until - now };
    this.#sentAt.push(now);
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1);
    const window = this.#windows.get(key);
    if (window !== undefined) {
      this.#windows.set(key, { ...window, remaining: window.remaining - 1 });
    }
    return { kind: "go" };
  }

  /** Takes in what the response to an admitted call says. */
  settle(route: RateLimitRoute, signals: LimitSignals, now: number): void {
    this.abandon(route);
    if (signals.bucket !== undefined) this.#nameBucket(route, signals.bucket);
    const key = this.#keyOf(route);
    if (signals.status !== 429) this.#learnWindow(key, signals, now);
    if (isInvalidRequest(signals)) this.#countInvalid(now);
    if (signals.status === 401) this.#unauthorizedUntil = now + UNAUTHORIZED_PAUSE_MS;
    if (signals.status !== 429) return;
    const pause = Math.min(signals.retryAfterMs ?? DEFAULT_PAUSE_MS, LONGEST_PAUSE_MS);
    if (signals.scope === "global") {
      this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
      return;
    }
    // It says exactly when, whatever was believed of this window before.
    const limit = Math.max(1, signals.limit ?? this.#windows.get(key)?.limit ?? 1);
    this.#windows.set(key, { limit, remaining: 0, resetAt: now + pause });
  }

  /** An admitted call ended without a response. */
  abandon(route: RateLimitRoute): void {
    const key = this.#keyOf(route);
    const count = this.#inFlight.get(key) ?? 0;
    if (count <= 1) this.#inFlight.delete(key);
    else this.#inFlight.set(key, count - 1);
  }

  /** What has to be stored for the next life. Windows that are over are left out. */
  remember(now: number): RememberedLimits {
    return {
      buckets: [...this.#buckets],
      windows: [...this.#windows].filter(([, window]) => window.resetAt > now),
      pausedUntil: this.#pausedUntil,
      unauthorizedUntil: this.#unauthorizedUntil,
      invalid: this.#invalid,
    };
  }

  #keyOf(route: RateLimitRoute): string {
    return `${this.#buckets.get(route.name) ?? route.name} ${route.major}`;
  }

  /** Calls in flight under the route's old key go on counting under the bucket's. */
  #nameBucket(route: RateLimitRoute, bucket: string): void {
    const before = this.#keyOf(route);
    this.#buckets.set(route.name, bucket);
    const after = this.#keyOf(route);
    if (before === after) return;
    const count = this.#inFlight.get(before);
    if (count === undefined) return;
    this.#inFlight.delete(before);
    this.#inFlight.set(after, (this.#inFlight.get(after) ?? 0) + count);
  }

  #learnWindow(key: string, signals: LimitSignals, now: number): void {
    const { limit, remaining, resetAfterMs } = signals;
    if (limit === undefined || remaining === undefined || resetAfterMs === undefined) return;
    const known = this.#windows.get(key);
    // Responses overtake each other, and calls in flight may not be in Discord's count yet.
    const left = remaining - (this.#inFlight.get(key) ?? 0);
    const same = known !== undefined && known.resetAt > now;
    this.#windows.set(key, {
      limit: Math.max(1, limit),
      remaining: same ? Math.min(known.remaining, left) : left,
      resetAt: Math.max(
        now + Math.min(resetAfterMs, LONGEST_PAUSE_MS),
        same && known.guessed !== true ? known.resetAt : 0,
      ),
    });
    if (this.#windows.size > WINDOWS_MAX) {
      for (const [name, window] of this.#windows) {
        if (window.resetAt <= now) this.#windows.delete(name);
      }
    }
  }

  #windowUntil(key: string, now: number): number {
    const window = this.#windows.get(key);
    if (window === undefined) return 0;
    if (window.resetAt <= now) {
      // A fresh window. Only its size is known; the first response tells when it ends.
      const fresh = window.limit - (this.#inFlight.get(key) ?? 0);
      const resetAt = now + DEFAULT_PAUSE_MS;
      this.#windows.set(key, { limit: window.limit, remaining: fresh, resetAt, guessed: true });
      return fresh > 0 ? 0 : resetAt;
    }
    return window.remaining > 0 ? 0 : window.resetAt;
  }

  #globalUntil(now: number): number {
    this.#sentAt = this.#sentAt.filter((at) => at > now - GLOBAL_WINDOW_MS);
    const oldest = this.#sentAt.at(-GLOBAL_REQUESTS_PER_SECOND);
    return oldest === undefined ? 0 : oldest + GLOBAL_WINDOW_MS;
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

/** Whether a response counts towards Discord's ban: a shared limit is nobody's fault. */
function isInvalidRequest({ status, scope }: LimitSignals): boolean {
  return status === 401 || status === 403 || (status === 429 && scope !== "shared");
}

/** Whether a response changed something that {@link RateLimits.remember} must keep. */
export function mustBeRemembered(signals: LimitSignals): boolean {
  return isInvalidRequest(signals) || signals.status === 429 || signals.remaining === 0;
}

/** The limits that a response's headers state (discord.md §2 REST). Unusable ones are ignored. */
export function readLimitSignals(
  status: number,
  headers: Headers,
  bodyRetryAfterSeconds: number | undefined,
): LimitSignals {
  const bucket = headers.get("X-RateLimit-Bucket");
  const limit = readNumber(headers.get("X-RateLimit-Limit"));
  const remaining = readNumber(headers.get("X-RateLimit-Remaining"));
  const resetAfter = readNumber(headers.get("X-RateLimit-Reset-After"));
  const retryAfter = bodyRetryAfterSeconds ?? readNumber(headers.get("Retry-After"));
  const scope = readScope(headers);
  return {
    status,
    ...(bucket === null ? {} : { bucket: bucket.slice(0, 128) }),
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(resetAfter === undefined ? {} : { resetAfterMs: Math.ceil(resetAfter * 1000) }),
    ...(status !== 429 || retryAfter === undefined
      ? {}
      : { retryAfterMs: Math.ceil(retryAfter * 1000) }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function readScope(headers: Headers): LimitSignals["scope"] {
  const scope = headers.get("X-RateLimit-Scope");
  if (scope === "user" || scope === "global" || scope === "shared") return scope;
  return headers.get("X-RateLimit-Global") === "true" ? "global" : undefined;
}

function readNumber(text: string | null): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
