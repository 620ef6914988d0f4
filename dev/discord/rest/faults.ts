import { fits } from "./route-table.ts";

/** The 429 that a fault answers: of the route, of the bot, or of the resource that others use too. */
export type RateLimitScope = "user" | "global" | "shared";

/** What the next calls get instead of their answer. */
export interface Fault {
  /** An HTTP status; 0 closes the connection without an answer. */
  readonly status: number;
  /** Of a 429: seconds, or `Retry-After` as it stands, for example a date; null: none is said. */
  readonly retryAfter: number | string | null;
  readonly scope: RateLimitScope;
  /** The call takes effect before its answer is lost. */
  readonly afterEffect: boolean;
  /** Discord's error code; null: the usual one of the status. */
  readonly code: number | null;
  /** Null: what Discord says with the code. */
  readonly message: string | null;
  /** A page of whatever stands in front of Discord, without limit headers. */
  readonly html: boolean;
  /** Stands instead of the answer's JSON; absent: as usual. */
  readonly body?: unknown;
}

/** Which calls a fault is for. */
export interface FaultTarget {
  /** Null: all. */
  readonly method: string | null;
  /** A path below `/api/v10`: `:name` is any one part, a last `*` any rest. Null: all. */
  readonly path: string | null;
}

interface Rule {
  readonly fault: Fault;
  readonly target: FaultTarget;
  skip: number;
  times: number;
}

/** Faults that a test asked for: for the next so many REST calls, and the outage of everything. */
export class Faults {
  #rules: readonly Rule[] = [];
  #outage = false;
  #outageEnd: NodeJS.Timeout | undefined;

  /** Whether nothing works: REST answers 503, the gateway refuses connections. */
  get outage(): boolean {
    return this.#outage;
  }

  /** @param ms milliseconds until it ends by itself; null: when {@link endOutage} is called */
  beginOutage(ms: number | null): void {
    this.endOutage();
    this.#outage = true;
    if (ms !== null) this.#outageEnd = setTimeout(() => this.endOutage(), ms).unref();
  }

  endOutage(): void {
    clearTimeout(this.#outageEnd);
    this.#outage = false;
  }

  /**
   * After `skip` calls of the target the next `times` get the fault. It replaces what was asked for
   * the same target; 0 times clears it, and all of it when the target is every call.
   */
  set(
    fault: Fault,
    { times, skip, target }: { times: number; skip: number; target: FaultTarget },
  ): void {
    const everything = target.method === null && target.path === null;
    const others = this.#rules.filter((rule) => !isSame(rule.target, target));
    if (times > 0) this.#rules = [...others, { fault, target, skip, times }];
    else this.#rules = everything ? [] : others;
  }

  /**
   * The fault of the call that just came, or null.
   * @param path below `/api/v10`
   */
  take(method: string, path: string): Fault | null {
    for (const rule of this.#rules) {
      if (!isFor(rule.target, method, path)) continue;
      if (rule.skip > 0) {
        rule.skip -= 1;
        continue;
      }
      rule.times -= 1;
      if (rule.times === 0) this.#rules = this.#rules.filter((other) => other !== rule);
      return rule.fault;
    }
    return null;
  }
}

function isSame(one: FaultTarget, other: FaultTarget): boolean {
  return one.method === other.method && one.path === other.path;
}

function isFor(target: FaultTarget, method: string, path: string): boolean {
  if (target.method !== null && target.method !== method) return false;
  if (target.path === null) return true;
  if (!target.path.endsWith("/*")) return fits(target.path, path);
  const parts = target.path.split("/").length - 1;
  const start = path.split("/").slice(0, parts).join("/");
  return fits(target.path.slice(0, -"/*".length), start);
}
