import { ACK_INTERVAL_MS } from "../../src/client/outbox.ts";
import {
  ACCEPTS_PER_SECOND,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
} from "../../src/protocol/limits.ts";

/**
 * What Cloudflare documents about Durable Objects on the paid plan, read in November 2026. docs/scale.md links
 * each page. Nothing here is our own estimate.
 */
export const PLATFORM = {
  /** Bytes of an empty database. */
  emptyDatabaseBytes: 12_000,
  /** Memory that duration is billed for, gigabytes, however little is used. */
  billedGigabytes: 0.128,
  /** Incoming WebSocket messages that are billed as one request. */
  messagesPerRequest: 20,
} as const;

/** Prices per million beyond what the plan includes, US dollars. */
const PRICES: Readonly<Record<keyof Usage, number>> = {
  workerRequests: 0.3,
  workerCpuMs: 0.02,
  requests: 0.15,
  gigabyteSeconds: 12.5,
  rowsWritten: 1,
  rowsRead: 0.001,
  /** Per million gigabytes and month. */
  storedGigabytes: 0.2e6,
};

/** The month of Cloudflare's own examples, seconds. */
export const MONTH_SECONDS = 30 * 24 * 3600;

/**
 * Figures that the arithmetic needs and Cloudflare does not document. docs/scale.md names the source of each.
 * After a change here `npm run simulate` writes all tables.
 */
export const ASSUMPTIONS = {
  /** CPU of one event on its way to one socket, milliseconds (docs/benchmarks.md, one event a frame). */
  deliveryMs: 0.006,
  /** CPU of the hub for one call to a relay, milliseconds (local: 1,000 calls in 84 to 96 ms). */
  callMs: 0.09,
  /** From the start of a call to a relay until its acknowledgement, milliseconds. */
  roundTripMs: 50,
  /** Until a write is durable and the output that waits for it is sent, milliseconds. */
  commitMs: 10,
  /** Time after an unacknowledged event until our client acknowledges, seconds. */
  ackSeconds: ACK_INTERVAL_MS / 1000,
  /** CPU of an object per acknowledgement, milliseconds. */
  ackMs: 0.1,
  /** Connects of a socket in a month: twice a day. */
  connectsPerMonth: 60,
  /** CPU of the Worker per request, milliseconds. */
  workerCpuMs: 2,
  /** Bytes of one event in the journal. */
  eventBytes: 400,
} as const;

/** Rows that SQLite writes: an index entry counts as a row, a delete as a write. */
export const ROWS = {
  /**
   * A published event at the hub: journal 1, its id 1, the publisher's position 1, the state of the feature 1. When
   * journal and ids are full, 2 deletes follow.
   */
  hubEvent: 6,
  /** The same event at a relay: one row added to the replica, one deleted. */
  relayEvent: 2,
  /** A used ticket: one row added, one deleted. */
  connect: 2,
} as const;

/** Days of {@link MONTH_SECONDS}. */
const DAYS = MONTH_SECONDS / 86_400;

/** How one guild's sockets are placed. */
export type Placement = {
  readonly sockets: number;
  readonly relays: number;
  readonly hubSockets: number;
  /** Sockets of each relay, on average. */
  readonly relaySockets: number;
  /** Sockets of the fullest object. */
  readonly perObject: number;
};

/** The fewest relays: the hub holds sockets itself up to `perHub`, relays take the rest. */
export function place(sockets: number, perHub: number, perRelay: number): Placement {
  const hubSockets = Math.min(sockets, perHub);
  const relays = Math.ceil((sockets - hubSockets) / perRelay);
  const relaySockets = relays === 0 ? 0 : (sockets - hubSockets) / relays;
  return {
    sockets,
    relays,
    hubSockets,
    relaySockets,
    perObject: Math.max(hubSockets, relays > 1 ? perRelay : relaySockets),
  };
}

/** A part of the day: so many hours with so many events a second. */
export type Hours = { readonly hours: number; readonly eventsPerSecond: number };

/** One event a second, day and night. */
export const STEADY: readonly Hours[] = [{ hours: 24, eventsPerSecond: 1 }];
/** Five events a second in the evening, and one in ten seconds for the rest of the day. */
export const EVENING: readonly Hours[] = [
  { hours: 4, eventsPerSecond: 5 },
  { hours: 20, eventsPerSecond: 0.1 },
];
/** No events: sockets only stay and reconnect. */
export const IDLE: readonly Hours[] = [{ hours: 24, eventsPerSecond: 0 }];

/** What one guild uses in a month. */
export type Usage = {
  readonly workerRequests: number;
  readonly workerCpuMs: number;
  readonly requests: number;
  readonly gigabyteSeconds: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  readonly storedGigabytes: number;
};

/** Calls to relays in a second. At most one is in flight to each relay, so the events of a burst share it. */
export function callsPerSecond(relays: number, eventsPerSecond: number): number {
  return relays * Math.min(eventsPerSecond, 1000 / ASSUMPTIONS.roundTripMs);
}

/** Acknowledgements of one socket in a second: each comes a fixed time after the first unacknowledged event. */
export function acksPerSecond(
  eventsPerSecond: number,
  ackSeconds: number = ASSUMPTIONS.ackSeconds,
): number {
  return eventsPerSecond === 0 ? 0 : 1 / (ackSeconds + 1 / eventsPerSecond);
}

/** CPU of an object for sending one event to all its sockets, milliseconds. */
export function fanOutMs(sockets: number): number {
  return sockets * ASSUMPTIONS.deliveryMs;
}

/** What a guild uses in a month of such days. */
export function usageOf(placement: Placement, day: readonly Hours[]): Usage {
  const { sockets, relays } = placement;
  let [events, calls, acks, activeSeconds] = [0, 0, 0, 0];
  for (const { hours, eventsPerSecond } of day) {
    const seconds = (MONTH_SECONDS * hours) / 24;
    events += eventsPerSecond * seconds;
    calls += callsPerSecond(relays, eventsPerSecond) * seconds;
    acks += sockets * acksPerSecond(eventsPerSecond) * seconds;
    activeSeconds += activeShare(placement, eventsPerSecond) * seconds;
  }
  const connects = sockets * ASSUMPTIONS.connectsPerMonth;
  // A reconnect is two requests at the Worker (ticket, upgrade), and two at objects (rate limiter, hub or relay).
  const workerRequests = events + 2 * connects;
  const kept = Math.min(events / DAYS, JOURNAL_MAX_EVENTS) * ASSUMPTIONS.eventBytes;
  const journals = (relays + 1) * Math.min(kept, JOURNAL_MAX_BYTES);
  return {
    workerRequests,
    workerCpuMs: workerRequests * ASSUMPTIONS.workerCpuMs,
    requests: events + calls + acks / PLATFORM.messagesPerRequest + 2 * connects,
    gigabyteSeconds: activeSeconds * PLATFORM.billedGigabytes,
    rowsWritten: events * (ROWS.hubEvent + relays * ROWS.relayEvent) + connects * ROWS.connect,
    rowsRead: events * (ROWS.hubEvent + relays * ROWS.relayEvent),
    storedGigabytes: ((relays + 1) * PLATFORM.emptyDatabaseBytes + journals) / 1e9,
  };
}

/** Objects that are active at one moment, on average. An idle object that can hibernate is not billed. */
function activeShare(placement: Placement, eventsPerSecond: number): number {
  const { relays, hubSockets, relaySockets } = placement;
  const { ackMs, commitMs, roundTripMs } = ASSUMPTIONS;
  const share = (sockets: number, waitMs: number): number => {
    const eventMs = commitMs + Math.max(fanOutMs(sockets), waitMs);
    const acksMs = sockets * acksPerSecond(eventsPerSecond) * ackMs;
    return Math.min(1, (eventMs * eventsPerSecond + acksMs) / 1000);
  };
  return share(hubSockets, relays === 0 ? 0 : roundTripMs) + relays * share(relaySockets, 0);
}

/** The cost of a usage in a month, US dollars, as if the plan included nothing. */
export function costOf(usage: Partial<Usage>): Record<keyof Usage, number> {
  const costs = Object.entries(PRICES).map(([part, price]) => {
    return [part, ((usage[part as keyof Usage] ?? 0) * price) / 1e6];
  });
  return Object.fromEntries(costs) as Record<keyof Usage, number>;
}

/** The sum of {@link costOf}. */
export function totalCost(usage: Partial<Usage>): number {
  return Object.values(costOf(usage)).reduce((sum, part) => sum + part, 0);
}

/** Clients that connect in a second when all sockets of a guild come back at once. */
export function returnsPerSecond({ sockets, perObject }: Placement): number {
  return sockets / returnSeconds(perObject);
}

/** Time over which the sockets of one object reconnect, seconds: the value of `retryWindowMs`. */
export function returnSeconds(perObject: number): number {
  return perObject / ACCEPTS_PER_SECOND;
}
