/** The 429 that a fault answers: of the route, of the bot, or of the resource that others use too. */
export type RateLimitScope = "user" | "global" | "shared";

/** What the next calls get instead of their answer. */
export interface Fault {
  /** An HTTP status; 0 closes the connection without an answer. */
  readonly status: number;
  /** Seconds, for a 429. */
  readonly retryAfter: number;
  readonly scope: RateLimitScope;
  /** The call takes effect before its answer is lost. */
  readonly afterEffect: boolean;
}

/** Faults that a test asked for: for the next so many REST calls, and the outage of everything. */
export class Faults {
  #fault: Fault | null = null;
  #times = 0;
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

  /** The next `times` calls get the fault; 0 clears what was asked for before. */
  set(fault: Fault, times: number): void {
    this.#fault = fault;
    this.#times = times;
  }

  /** The fault of the call that just came, or null. */
  take(): Fault | null {
    if (this.#times === 0) return null;
    this.#times -= 1;
    return this.#fault;
  }
}
