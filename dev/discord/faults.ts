import { CallFaults } from "../doubles/faults.ts";
import type { DispatchData } from "./model.ts";

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

/** What becomes of every event of one name. */
export interface EventFault {
  /** How often it is sent: 0 loses it, 2 sends it twice. */
  readonly copies: number;
  /** Lists are added to those of the event, anything else stands instead of it. */
  readonly merge: DispatchData;
}

/** Events that are lost, doubled or odd, because a test asked for it: the real Discord has all of them. */
export class EventFaults {
  readonly #faults = new Map<string, EventFault>();

  /** From now on, for every event of that name; null: as usual. */
  set(event: string, fault: EventFault | null): void {
    if (fault === null) this.#faults.delete(event);
    else this.#faults.set(event, fault);
  }

  /** What is sent instead of one event. */
  copiesOf(event: string, data: DispatchData): readonly DispatchData[] {
    const fault = this.#faults.get(event);
    if (fault === undefined) return [data];
    const merged = Object.fromEntries(
      Object.entries(fault.merge).map(([name, value]) => {
        const present = data[name];
        const both = Array.isArray(present) && Array.isArray(value);
        return [name, both ? [...present, ...value] : value];
      }),
    );
    return Array.from({ length: fault.copies }, () => ({ ...data, ...merged }));
  }
}
