import { CallFaults } from "../../doubles/faults.ts";

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

/** Faults that a test asked for: for the next so many REST calls, and the outage of everything. */
export class Faults extends CallFaults<Fault> {
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
}
