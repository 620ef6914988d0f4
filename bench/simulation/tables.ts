import { SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import { type Column, percent, tableOf, whole } from "../report/table.ts";
import {
  acksPerSecond,
  ASSUMPTIONS,
  callsPerSecond,
  costOf,
  EVENING,
  fanOutMs,
  IDLE,
  MONTH_SECONDS,
  place,
  type Placement,
  PLATFORM,
  returnSeconds,
  ROWS,
  STEADY,
  totalCost,
  type Usage,
  usageOf,
} from "./arithmetic.ts";
import { chatTables } from "./chat-tables.ts";
import type { Results } from "./plan.ts";

/** An object with this share of its sockets gets no new clients (`core/placement.ts`). */
const FULL_AT = 0.8;

/** The sizes in the tables of docs/scale.md. A test compares them with the code. */
export const SIZES = {
  /** Sockets of the hub, and of each relay, at which a growing guild gets another relay. */
  perHub: SOCKETS_PER_HUB * FULL_AT,
  perRelay: SOCKETS_PER_RELAY * FULL_AT,
  /** Objects that share the rate limits (docs/design/rate-limits.md). */
  limiters: 32,
} as const;

const GUILDS = [100, 1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const OBJECTS = [1_000, 5_000, 10_000, 20_000, 30_000];
/** The share of an object's thread that one kind of work may use before we call it too much. */
const SHARE = 0.5;

/** All tables of the arithmetic by name, as docs/scale.md shows them. */
export function arithmeticTables(): Record<string, string> {
  return {
    guild: guildTable(),
    object: objectTable(),
    acks: ackTable(),
    cost: costTable(),
    parts: partsTable(),
    guilds: guildsTable(),
    levels: levelTable(),
    storm: stormTable(),
    ...chatTables(),
  };
}

function guildTable(): string {
  const { callMs, commitMs, roundTripMs } = ASSUMPTIONS;
  return tableOf(GUILDS.map(placed), [
    ["sockets", ({ sockets }) => whole(sockets)],
    ["relays", ({ relays }) => whole(relays)],
    ["calls per event", ({ relays }) => whole(callsPerSecond(relays, 1))],
    ["rows written per event", ({ relays }) => whole(ROWS.hubEvent + relays * ROWS.relayEvent)],
    [
      "CPU of the hub per event",
      ({ relays, hubSockets }) => ms(fanOutMs(hubSockets) + callsPerSecond(relays, 1) * callMs),
    ],
    [
      "CPU of each relay",
      ({ relays, relaySockets }) => (relays === 0 ? "–" : ms(fanOutMs(relaySockets))),
    ],
    [
      "last socket after",
      ({ relays, perObject }) =>
        ms(commitMs + (relays === 0 ? 0 : roundTripMs + commitMs) + fanOutMs(perObject)),
    ],
  ]);
}

function objectTable(): string {
  return tableOf(OBJECTS, [
    ["sockets of an object", whole],
    ["CPU per event", (sockets) => ms(fanOutMs(sockets))],
    ["CPU at 1 event/s", (sockets) => percent(fanOutMs(sockets) / 1000)],
    ["at 5 events/s", (sockets) => percent((fanOutMs(sockets) * 5) / 1000)],
    [
      "frames of one event each, at most",
      (sockets) => `${(1000 / fanOutMs(sockets)).toFixed(1)} events/s`,
    ],
    ["acknowledgements/s", (sockets) => whole(sockets * acksPerSecond(1))],
    ["all are back after", (sockets) => `${whole(returnSeconds(sockets))} s`],
    ["relays for a million", (sockets) => whole(place(1_000_000, sockets, sockets).relays)],
  ]);
}

function ackTable(): string {
  const perSecond = (sockets: number, after: number): number => sockets * acksPerSecond(1, after);
  const { messagesPerRequest } = PLATFORM;
  return tableOf(
    [...new Set([5, 10, ASSUMPTIONS.ackSeconds, 60])],
    [
      [
        "an `ack` after",
        (after) => `${after} s${after === ASSUMPTIONS.ackSeconds ? ", our client" : ""}`,
      ],
      ["messages/s, 10,000 sockets", (after) => whole(perSecond(10_000, after))],
      ["messages/s, 30,000 sockets", (after) => whole(perSecond(30_000, after))],
      [
        "a month, each 10,000 sockets",
        (after) => {
          const messages = perSecond(10_000, after) * MONTH_SECONDS;
          return dollars(totalCost({ requests: messages / messagesPerRequest }));
        },
      ],
    ],
  );
}

function costTable(): string {
  const of = (placement: Placement, day: typeof STEADY): number =>
    totalCost(usageOf(placement, day));
  return tableOf(GUILDS.map(placed), [
    ["sockets", ({ sockets }) => whole(sockets)],
    ["no events", (placement) => dollars(of(placement, IDLE))],
    ["1 event/s", (placement) => dollars(of(placement, STEADY))],
    ["evenings", (placement) => dollars(of(placement, EVENING))],
    [
      "1 event/s, each 1,000 sockets",
      (placement) => dollars((of(placement, STEADY) * 1_000) / placement.sockets),
    ],
  ]);
}

const PARTS: readonly (readonly [keyof Usage, string])[] = [
  ["rowsWritten", "rows written"],
  ["gigabyteSeconds", "duration"],
  ["requests", "requests of objects"],
  ["workerRequests", "requests of the Worker"],
  ["workerCpuMs", "CPU of the Worker"],
  ["storedGigabytes", "storage"],
  ["rowsRead", "rows read"],
];

function partsTable(): string {
  return tableOf(PARTS, [
    ["1 event/s", ([, label]) => label],
    ...[100, 10_000, 100_000, 1_000_000].map((sockets): Column<(typeof PARTS)[number]> => {
      const costs = costOf(usageOf(placed(sockets), STEADY));
      return [`${whole(sockets)} sockets`, ([key]) => dollars(costs[key])];
    }),
  ]);
}

function guildsTable(): string {
  const daily = (events: number): typeof STEADY => [
    { hours: 24, eventsPerSecond: events / 86_400 },
  ];
  const guilds = [
    { label: "nobody there, journal empty", usage: usageOf(placed(0), IDLE) },
    { label: "20 sockets, 300 events a day", usage: usageOf(placed(20), daily(300)) },
    { label: "100 sockets, 5,000 a day", usage: usageOf(placed(100), daily(5_000)) },
  ];
  return tableOf(guilds, [
    ["each guild", ({ label }) => label],
    ["rows written", ({ usage }) => whole(usage.rowsWritten)],
    ["requests", ({ usage }) => whole(usage.requests)],
    ["GB-s", ({ usage }) => whole(usage.gigabyteSeconds)],
    ["stored", ({ usage }) => `${(usage.storedGigabytes * 1e6).toFixed(0)} KB`],
    ["a guild", ({ usage }) => `$${totalCost(usage).toPrecision(2)}`],
    ["a million guilds", ({ usage }) => dollars(totalCost(usage) * 1e6)],
  ]);
}

function levelTable(): string {
  const most = 1000 / ASSUMPTIONS.roundTripMs;
  const relays = (rate: number): number =>
    Math.floor((SHARE * 1000) / (callsPerSecond(1, rate) * ASSUMPTIONS.callMs));
  return tableOf(
    [1, 5, most],
    [
      ["events/s", (rate) => (rate === most ? `${rate} and more` : String(rate))],
      ["calls/s to each relay", (rate) => String(callsPerSecond(1, rate))],
      ["relays at half the hub's thread", (rate) => whole(relays(rate))],
      ["sockets", (rate) => whole(relays(rate) * SIZES.perRelay)],
    ],
  );
}

function stormTable(): string {
  const perSecond = ({ sockets, perObject }: Placement): number =>
    sockets / returnSeconds(perObject);
  return tableOf(GUILDS.filter((sockets) => sockets >= 1_000).map(placed), [
    ["sockets that come back", ({ sockets }) => whole(sockets)],
    ["objects", ({ relays }) => whole(relays + 1)],
    ["spread over", ({ perObject }) => `${whole(returnSeconds(perObject))} s`],
    ["accepts/s, all objects", (placement) => whole(perSecond(placement))],
    ["tickets/s of each limiter", (placement) => whole(perSecond(placement) / SIZES.limiters)],
    ["pulls at the hub", ({ relays }) => whole(relays)],
  ]);
}

function placed(sockets: number): Placement {
  return place(sockets, SIZES.perHub, SIZES.perRelay);
}

/** The results of a run, as docs/scale.md shows them. */
export function describeResults(results: Results): string {
  const { arrival, bursts, faulty, fullest, restart, steady } = results;
  const { busiest } = restart;
  return [
    `- clients: ${whole(results.clients)}`,
    "- arrival, spread over 20 min:",
    `  - all in after ${seconds(arrival.ms)}, on the hub and ${whole(arrival.relays)} relays`,
    `  - told to come later: ${whole(arrival.refused)} times`,
    `- fullest: hub ${whole(fullest.hub)} sockets, relay ${whole(fullest.relay)}`,
    ...perEvent("one event a second", steady),
    ...perEvent("bursts of five in 25 ms", bursts),
    "- faults:",
    `  - ${faulty.events} events with ${faulty.crashes} crashes and ${whole(faulty.lostCalls)} lost calls`,
    `  - relays pulled ${whole(faulty.pulls)} times`,
    "- restart of everything, with an event a second:",
    `  - 99 of 100 clients were connected after ${seconds(restart.mostMs)}`,
    `  - the last client had caught up after ${seconds(restart.ms)}`,
    "  - in the busiest second:",
    `    - accepted by one object: ${whole(busiest.accepts.one)}`,
    `    - accepted by all objects: ${whole(busiest.accepts.all)}`,
    `    - tries at all objects: ${whole(busiest.tries)}`,
    `  - told to come later: ${whole(restart.refused)} times`,
    `  - relays afterwards: ${whole(restart.relays)}`,
    `  - snapshots that relays requested: ${whole(restart.snapshotCalls)}`,
    `- deliveries: ${whole(results.deliveries)}`,
    `- times that a client used up its credit: ${whole(results.lags)}`,
    `- lost, duplicated, reordered, leaked, altered: ${Object.values(results.faults).join(", ")}`,
    `- clients without everything at the end: ${whole(results.incomplete)}`,
    `- real CPU: ${whole(results.cpuSeconds)} s, ${whole(results.heapMegabytes)} MB`,
  ].join("\n");
}

/** The problems of a run, as sentences. Without any, every client got exactly what it should. */
export function findProblems({ faults, faulty, incomplete, snapshots }: Results): string[] {
  const problems = Object.entries(faults)
    .filter(([, times]) => times > 0)
    .map(([fault, times]) => `${whole(times)} events were ${fault}`);
  const missing = Math.max(faulty.incomplete, incomplete);
  if (missing > 0) problems.push(`${whole(missing)} clients do not have everything`);
  for (const reason of Object.keys(snapshots)) {
    if (reason !== "first_connection") problems.push(`a client got the whole state: ${reason}`);
  }
  return problems;
}

function perEvent(
  phase: string,
  { calls, hubRows, relayRows, relays }: Results["steady"],
): readonly string[] {
  const each = (all: number): string => (all / Math.max(1, relays)).toFixed(2);
  return [
    `- ${phase}, ${whole(relays)} relays:`,
    `  - calls to each relay per event: ${each(calls)}`,
    `  - journal rows per event: ${each(relayRows)} in each relay, ${hubRows.toFixed(2)} in the hub`,
  ];
}

function seconds(milliseconds: number): string {
  return `${whole(milliseconds / 1000)} s`;
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${whole(value)} ms`;
}

function dollars(value: number): string {
  return value < 10 ? `$${value.toFixed(2)}` : `$${whole(value)}`;
}
