import { z } from "zod";
import { FaultStatus } from "../doubles/control.ts";
import { CallFaults } from "../doubles/faults.ts";
import type { DispatchData } from "./model.ts";

const RestFault = z.object({
  status: FaultStatus,
  /** Of a 429: seconds, or `Retry-After` as it stands, for example a date; null: none is said. */
  retryAfter: z
    .union([z.number().min(0).max(86_400), z.string().regex(/^[ -~]{1,64}$/)])
    .nullable()
    .default(1),
  /** The 429 is of the route, of the bot, or of the resource that others use too. */
  scope: z.enum(["user", "global", "shared"]).default("user"),
  /** The call takes effect before its answer is lost. */
  afterEffect: z.boolean().default(false),
  /** Discord's error code; null: the usual one of the status. */
  code: z.int().min(0).max(1_000_000).nullable().default(null),
  /** Null: what Discord says with the code. */
  message: z.string().max(200).nullable().default(null),
  /** A page of whatever stands in front of Discord, without limit headers. */
  html: z.boolean().default(false),
  /** Stands instead of the answer's JSON; absent: as usual. */
  body: z.unknown().optional(),
});

/** What the next calls get instead of their answer. */
export type Fault = z.output<typeof RestFault>;

const TIMES_MAX = 10_000;

/** How many calls get a fault, and which. */
export const RestFaultBody = RestFault.extend({
  times: z.int().min(0).max(TIMES_MAX),
  skip: z.int().min(0).max(TIMES_MAX).default(0),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).nullable().default(null),
  path: z.string().startsWith("/").max(200).nullable().default(null),
});

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

export const EventFault = z.object({
  event: z.string().regex(/^[A-Z_]{1,64}$/, "an event's name, for example GUILD_CREATE"),
  /** How often it is sent: 0 loses it, 2 sends it twice. */
  copies: z.int().min(0).max(10).default(1),
  /** Lists are added to those of the event, anything else stands instead of it. */
  merge: z.record(z.string(), z.unknown()).default({}),
});

/** Events that are lost, doubled or odd, because a test asked for it: the real Discord has all of them. */
export class EventFaults {
  readonly #faults = new Map<string, z.output<typeof EventFault>>();

  /** From now on, for every event of that name. */
  set(fault: z.output<typeof EventFault>): void {
    this.#faults.set(fault.event, fault);
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
