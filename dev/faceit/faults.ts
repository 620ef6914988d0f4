/** What the next calls of the Data API get. */
export interface Fault {
  /** An HTTP status; 200 leaves the answer as it is; 0 closes the connection without one. */
  readonly status: number;
  /** Milliseconds before the answer. */
  readonly delayMs: number;
  /** Seconds, in the header `Retry-After`; absent: none. */
  readonly retryAfter?: number | undefined;
}

/** Faults that a test asked for: for the next so many calls. */
export class Faults {
  #fault: Fault | null = null;
  #times = 0;

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
