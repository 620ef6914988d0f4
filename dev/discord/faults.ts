import { z } from "zod";
import { FaultStatus } from "../doubles/control.ts";
import { CallFaults } from "../doubles/faults.ts";
import type { DispatchData } from "./model.ts";

const RestFault = z.object({
  status: FaultStatus,
  /** For a 429: seconds, or the exact text of `Retry-After`, for example a date. Null: no header. */
  retryAfter: z
    .union([z.number().min(0).max(86_400), z.string().regex(/^[ -~]{1,64}$/)])
    .nullable()
    .default(1),
  /** Whether the 429 is a limit of the route (user), of the bot (global), or of a resource shared with others. */
  scope: z.enum(["user", "global", "shared"]).default("user"),
  /** Whether the call takes effect before its answer is replaced. */
  afterEffect: z.boolean().default(false),
  /** Discord's error code; null: the usual code of the status. */
  code: z.int().min(0).max(1_000_000).nullable().default(null),
  /** Null: Discord's message of the code. */
  message: z.string().max(200).nullable().default(null),
  /** Whether the answer is an HTML page of a proxy in front of Discord, without rate limit headers. */
  html: z.boolean().default(false),
  /** Replaces the JSON of the answer; absent: the usual JSON. */
  body: z.unknown().optional(),
});

/** The answer that the next calls get instead of their own. */
export type Fault = z.output<typeof RestFault>;

const TIMES_MAX = 10_000;

/** A fault, and which calls get it. */
export const RestFaultBody = RestFault.extend({
  times: z.int().min(0).max(TIMES_MAX),
  skip: z.int().min(0).max(TIMES_MAX).default(0),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).nullable().default(null),
  path: z.string().startsWith("/").max(200).nullable().default(null),
});

/** Faults that a test has set: for the next REST calls, and the outage of everything. */
export class Faults extends CallFaults<Fault> {
  #outage = false;
  #outageEnd: NodeJS.Timeout | undefined;

  /** During an outage REST answers 503, and the gateway refuses connections. */
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

export const EventFault = z.object({
  event: z.string().regex(/^[A-Z_]{1,64}$/, "an event's name, for example GUILD_CREATE"),
  /** How often an event is sent: 0 drops it, 2 sends it twice. */
  copies: z.int().min(0).max(10).default(1),
  /** Lists are appended to those of the event; other values replace the event's. */
  merge: z.record(z.string(), z.unknown()).default({}),
});

/** Events that a test wants dropped, repeated or changed. All of that happens with the real Discord, too. */
export class EventFaults {
  readonly #faults = new Map<string, z.output<typeof EventFault>>();

  /** Sets the fault for all later events of its name. */
  set(fault: z.output<typeof EventFault>): void {
    this.#faults.set(fault.event, fault);
  }

  /** The data of the events that are sent instead of this one. */
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
