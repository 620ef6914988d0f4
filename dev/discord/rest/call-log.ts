import type { Clock } from "../../../src/platform/clock.ts";

/** Calls that are kept. */
const CALLS_MAX = 2_000;

/** A REST call that was answered, for tests and measurements. */
interface RestCall {
  /** Counts all calls since the start, from 1: who reads in time misses none. */
  readonly n: number;
  /** When it was answered, RFC 3339. */
  readonly at: string;
  readonly method: string;
  /** Below `/api/v10`, without the query. */
  readonly path: string;
  /** The HTTP status; 0: the connection was cut. */
  readonly status: number;
}

/** The last calls, oldest first. */
export class CallLog {
  readonly #clock: Clock;
  readonly #calls: RestCall[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(call: Pick<RestCall, "method" | "path" | "status">): void {
    this.#count += 1;
    this.#calls.push({ n: this.#count, at: new Date(this.#clock()).toISOString(), ...call });
    if (this.#calls.length > CALLS_MAX) this.#calls.shift();
  }

  list(): readonly RestCall[] {
    return this.#calls;
  }
}
