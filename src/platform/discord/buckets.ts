import type { RateLimitRoute } from "./call.ts";
import { namedShare, PACE_MS, pacedTurn, releasedAt, WaitingLine } from "./fair-share.ts";
import type { LimitSignals } from "./limit-signals.ts";
import { hear, openWindow, spend, type LimitWindow } from "./limit-window.ts";

/** Longest pause that is accepted from a response. Of a longer one, a call is tried after this time. */
export const LONGEST_PAUSE_MS = 24 * 60 * 60 * 1000;

/** Pause after a 429 without a time, and length of a window that is not known yet. */
export const DEFAULT_PAUSE_MS = 1_000;

/** Gap between two windows, milliseconds: a window opens with its first call, not when the last one ends. */
const WINDOW_GAP_MS = 50;

/** Windows and waiting lines that are kept. Above it, those that have ended are dropped. */
const KEYS_MAX = 2_000;

/** Size and length of a bucket's windows. */
type Shape = { readonly limit: number; readonly lengthMs: number };

/** The state that must survive an eviction. */
export type RememberedBuckets = {
  readonly buckets: readonly (readonly [route: string, bucket: string])[];
  readonly windows: readonly (readonly [key: string, window: LimitWindow])[];
  /** Absent in the state of older versions. */
  readonly shapes?: readonly (readonly [bucket: string, shape: Shape])[];
};

/**
 * The limits of single routes: buckets by Discord's bucket hash and the major id (discord.md §2 REST), each with
 * the line of its waiting callers. Times are milliseconds.
 */
export class Buckets {
  readonly #buckets: Map<string, string>;
  readonly #windows: Map<string, LimitWindow>;
  readonly #shapes: Map<string, Shape>;
  readonly #inFlight = new Map<string, number>();
  readonly #lines = new Map<string, WaitingLine>();
  /** Routes that have answered. If their limits are still unknown, their responses do not state them. */
  readonly #heard = new Set<string>();

  constructor(remembered?: RememberedBuckets) {
    this.#buckets = new Map(remembered?.buckets);
    this.#windows = new Map(remembered?.windows);
    this.#shapes = new Map(remembered?.shapes);
  }

  /** When a call may be sent; at once if that is not after `now`. @param place of a named caller */
  until(route: RateLimitRoute, now: number, place?: string): number {
    const key = this.#keyOf(route);
    const window = this.#windowOf(route, now);
    const line = this.#lines.get(key);
    if (window === undefined) {
      // One call probes the unknown limit. Named callers wait for its answer, so as not to exceed it together.
      const isAsking = !this.#heard.has(route.name) && this.#inFlight.has(key);
      if (place === undefined || !isAsking) return 0;
      return pacedTurn(now + PACE_MS, line?.before(place, now) ?? 0);
    }
    const { limit, remaining, resetAt, named = 0 } = window;
    const own = Math.max(0, Math.min(namedShare(limit) - named, remaining));
    if (place === undefined) {
      const held = Math.min(line?.held(now) ?? 0, own);
      return remaining > held ? 0 : resetAt;
    }
    const before = line?.before(place, now) ?? 0;
    const release = releasedAt(resetAt, this.#lengthOf(route));
    if (before < (now < release ? own : remaining)) return 0;
    if (before < remaining) return release;
    return this.#turnAfter(route, window, before - remaining);
  }

  /** The turn of a named caller in a later window. @param before callers ahead of it from the next window on */
  #turnAfter(route: RateLimitRoute, { limit, resetAt }: LimitWindow, before: number): number {
    const lengthMs = this.#lengthOf(route);
    const opensAt = resetAt + Math.floor(before / limit) * (lengthMs + WINDOW_GAP_MS);
    return before % limit < namedShare(limit) ? opensAt : releasedAt(opensAt + lengthMs, lengthMs);
  }

  /** Records that a call is sent. */
  take(route: RateLimitRoute, now: number, place?: string): void {
    const key = this.#keyOf(route);
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1);
    const window = this.#windows.get(key);
    if (window !== undefined) this.#windows.set(key, spend(window, place !== undefined));
    if (place === undefined) return;
    const line = this.#lines.get(key);
    line?.leave(place);
    if (line?.isEmpty(now) === true) this.#lines.delete(key);
  }

  /** Keeps the place of a caller that returns at `dueAt`. */
  keep(route: RateLimitRoute, place: string, dueAt: number, now: number): void {
    this.#lineOf(route, now).keep(place, dueAt);
  }

  /** Moves a call to the front, because Discord refused it although we had admitted it. */
  keepFirst(route: RateLimitRoute, place: string, dueAt: number, now: number): void {
    this.#lineOf(route, now).keepFirst(place, dueAt);
  }

  /** Records that a sent call has ended. */
  end(route: RateLimitRoute): void {
    const key = this.#keyOf(route);
    const count = this.#inFlight.get(key) ?? 0;
    if (count <= 1) this.#inFlight.delete(key);
    else this.#inFlight.set(key, count - 1);
  }

  /** Learns from a response other than a 429. */
  learn(route: RateLimitRoute, signals: LimitSignals, now: number, place?: string): void {
    this.#heard.add(route.name);
    if (signals.bucket !== undefined) this.#nameBucket(route, signals.bucket);
    const { limit, remaining, resetAfterMs, tookMs = 0 } = signals;
    if (limit === undefined || remaining === undefined || resetAfterMs === undefined) return;
    const key = this.#keyOf(route);
    const told = {
      limit: Math.max(1, limit),
      remaining,
      resetAfterMs: Math.min(resetAfterMs, LONGEST_PAUSE_MS),
    };
    const inFlight = this.#inFlight.get(key) ?? 0;
    const call = { sentAt: now - tookMs, now, inFlight, isNamed: place !== undefined };
    this.#windows.set(key, hear(this.#windows.get(key), told, call));
    // Only the response to a window's first call states the whole length.
    const knownMs = remaining === told.limit - 1 ? 0 : this.#lengthOf(route);
    const lengthMs = Math.max(told.resetAfterMs, knownMs);
    this.#shapes.set(this.#bucketOf(route), { limit: told.limit, lengthMs });
    this.#forgetFinished(now);
  }

  /** Learns from a 429. Its time is exact and replaces everything known about the window. */
  learnRefusal(route: RateLimitRoute, signals: LimitSignals, pauseMs: number, now: number): void {
    if (signals.bucket !== undefined) this.#nameBucket(route, signals.bucket);
    const key = this.#keyOf(route);
    const limit = Math.max(1, signals.limit ?? this.#windows.get(key)?.limit ?? 1);
    this.#windows.set(key, { limit, remaining: 0, resetAt: now + pauseMs, refused: true });
  }

  /** The state to store, so that it survives a restart. Windows that have ended are omitted. */
  remember(now: number): RememberedBuckets {
    return {
      buckets: [...this.#buckets],
      windows: [...this.#windows].filter(([, window]) => window.resetAt > now),
      shapes: [...this.#shapes],
    };
  }

  #bucketOf(route: RateLimitRoute): string {
    return this.#buckets.get(route.name) ?? route.name;
  }

  #keyOf(route: RateLimitRoute): string {
    return `${this.#bucketOf(route)} ${route.major}`;
  }

  #lengthOf(route: RateLimitRoute): number {
    return this.#shapes.get(this.#bucketOf(route))?.lengthMs ?? DEFAULT_PAUSE_MS;
  }

  /** The window of a call that is sent now; undefined while no limit is known. */
  #windowOf(route: RateLimitRoute, now: number): LimitWindow | undefined {
    const key = this.#keyOf(route);
    const known = this.#windows.get(key);
    if (known !== undefined && known.resetAt > now) return known;
    const limit = known?.limit ?? this.#shapes.get(this.#bucketOf(route))?.limit;
    if (limit === undefined) return undefined;
    const inFlight = this.#inFlight.get(key) ?? 0;
    const fresh = openWindow(limit, this.#lengthOf(route), inFlight, now);
    this.#windows.set(key, fresh);
    return fresh;
  }

  #lineOf(route: RateLimitRoute, now: number): WaitingLine {
    const key = this.#keyOf(route);
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    if (this.#lines.size >= KEYS_MAX) this.#forgetFinished(now);
    const line = new WaitingLine();
    if (this.#lines.size < KEYS_MAX) this.#lines.set(key, line);
    return line;
  }

  /** Moves the state of the route's old key to the key of its bucket. */
  #nameBucket(route: RateLimitRoute, bucket: string): void {
    const before = this.#keyOf(route);
    const old = this.#bucketOf(route);
    this.#buckets.set(route.name, bucket);
    const after = this.#keyOf(route);
    if (before === after) return;
    this.#shapes.delete(old);
    const count = this.#inFlight.get(before);
    if (count !== undefined) {
      this.#inFlight.delete(before);
      this.#inFlight.set(after, (this.#inFlight.get(after) ?? 0) + count);
    }
    const window = this.#windows.get(before);
    if (window !== undefined && !this.#windows.has(after)) this.#windows.set(after, window);
    this.#windows.delete(before);
    const line = this.#lines.get(before);
    if (line === undefined) return;
    this.#lines.delete(before);
    if (!this.#lines.has(after)) this.#lines.set(after, line);
  }

  #forgetFinished(now: number): void {
    if (this.#windows.size > KEYS_MAX) {
      for (const [key, { resetAt }] of this.#windows) {
        if (resetAt <= now) this.#windows.delete(key);
      }
    }
    if (this.#lines.size < KEYS_MAX) return;
    for (const [key, line] of this.#lines) {
      if (line.isEmpty(now)) this.#lines.delete(key);
    }
  }
}
