import { SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import {
  acksPerSecond,
  ASSUMPTIONS,
  callsPerSecond,
  costOf,
  EVENING,
  fanOutMs,
  IDLE,
  place,
  type Placement,
  returnSeconds,
  ROWS,
  STEADY,
  totalCost,
  type Usage,
  usageOf,
} from "./arithmetic.ts";
import { PLATFORM } from "./platform.ts";

/** From this share of its sockets on nobody new is sent to an object (`core/placement.ts`). */
const FULL_AT = 0.8;

/** What the tables of docs/scale.md calculate with; a test holds it against the code. */
export const SIZES = {
  /** Sockets that the hub holds itself, and a relay, when a guild grows beyond them. */
  perHub: SOCKETS_PER_HUB * FULL_AT,
  perRelay: SOCKETS_PER_RELAY * FULL_AT,
  /** Objects that share the rate limits (docs/design/rate-limits.md). */
  limiters: 32,
} as const;

const GUILDS = [100, 1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const OBJECTS = [1_000, 5_000, 10_000, 20_000, 30_000];
/** The share of an object's one thread that a kind of work may take before we call it too much. */
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
  };
}

function guildTable(): string {
  const header = [
    "sockets",
    "relays",
    "calls per event",
    "rows written per event",
    "CPU of the hub per event",
    "CPU of each relay",
    "last socket after",
  ];
  return table(
    header,
    GUILDS.map(placed).map((placement) => {
      const { sockets, relays, hubSockets, relaySockets, perObject } = placement;
      const calls = callsPerSecond(relays, 1);
      const hub = fanOutMs(hubSockets) + calls * ASSUMPTIONS.callMs;
      const relay = relays === 0 ? "–" : ms(fanOutMs(relaySockets));
      const last =
        ASSUMPTIONS.commitMs +
        (relays === 0 ? 0 : ASSUMPTIONS.roundTripMs + ASSUMPTIONS.commitMs) +
        fanOutMs(perObject);
      return [
        count(sockets),
        count(relays),
        count(calls),
        count(ROWS.hubEvent + relays * ROWS.relayEvent),
        ms(hub),
        relay,
        ms(last),
      ];
    }),
  );
}

function objectTable(): string {
  const header = [
    "sockets of an object",
    "CPU per event",
    "CPU at 1 event/s",
    "at 5 events/s",
    "frames of one event each, at most",
    "acknowledgements/s",
    "all are back after",
    "relays for a million",
  ];
  return table(
    header,
    OBJECTS.map((sockets) => [
      count(sockets),
      ms(fanOutMs(sockets)),
      percent(fanOutMs(sockets) / 1000),
      percent((fanOutMs(sockets) * 5) / 1000),
      `${(1000 / fanOutMs(sockets)).toFixed(1)} events/s`,
      count(sockets * acksPerSecond(1)),
      `${count(returnSeconds(sockets))} s`,
      count(place(1_000_000, sockets, sockets).relays),
    ]),
  );
}

function ackTable(): string {
  const header = [
    "an `ack` after",
    ...[10_000, 30_000].map((sockets) => `messages/s, ${count(sockets)} sockets`),
    "a month, each 10,000 sockets",
  ];
  return table(
    header,
    [...new Set([5, 10, ASSUMPTIONS.ackSeconds, 60])].map((seconds) => {
      const perSocket = acksPerSecond(1, seconds);
      const messages = 10_000 * perSocket * 30 * 24 * 3600;
      const usage = { ...NOTHING, requests: messages / PLATFORM.messagesPerRequest };
      return [
        seconds === ASSUMPTIONS.ackSeconds ? `${seconds} s, our client` : `${seconds} s`,
        ...[10_000, 30_000].map((sockets) => count(sockets * perSocket)),
        dollars(totalCost(usage)),
      ];
    }),
  );
}

function costTable(): string {
  const header = ["sockets", "no events", "1 event/s", "evenings", "1 event/s, each 1,000 sockets"];
  return table(
    header,
    GUILDS.map(placed).map((placement) => {
      const of = (day: typeof STEADY): number => totalCost(usageOf(placement, day));
      return [
        count(placement.sockets),
        dollars(of(IDLE)),
        dollars(of(STEADY)),
        dollars(of(EVENING)),
        dollars((of(STEADY) * 1_000) / placement.sockets),
      ];
    }),
  );
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
  const chosen = [100, 10_000, 100_000, 1_000_000];
  const costs = chosen.map((sockets) => costOf(usageOf(placed(sockets), STEADY)));
  return table(
    ["1 event/s", ...chosen.map((sockets) => `${count(sockets)} sockets`)],
    PARTS.map(([key, label]) => [label, ...costs.map((cost) => dollars(cost[key]))]),
  );
}

function guildsTable(): string {
  const rows: readonly (readonly [string, Placement, typeof STEADY])[] = [
    ["nobody there, journal empty", placed(0), IDLE],
    ["20 sockets, 300 events a day", placed(20), [{ hours: 24, eventsPerSecond: 300 / 86_400 }]],
    ["100 sockets, 5,000 a day", placed(100), [{ hours: 24, eventsPerSecond: 5_000 / 86_400 }]],
  ];
  return table(
    ["each guild", "rows written", "requests", "GB-s", "stored", "a guild", "a million guilds"],
    rows.map(([label, placement, day]) => {
      const usage = usageOf(placement, day);
      return [
        label,
        count(usage.rowsWritten),
        count(usage.requests),
        count(usage.gigabyteSeconds),
        `${(usage.storedGigabytes * 1e6).toFixed(0)} KB`,
        `$${totalCost(usage).toPrecision(2)}`,
        dollars(totalCost(usage) * 1e6),
      ];
    }),
  );
}

function levelTable(): string {
  const rates = [1, 5, 1000 / ASSUMPTIONS.roundTripMs];
  return table(
    ["events/s", "calls/s to each relay", "relays at half the hub's thread", "sockets"],
    rates.map((rate) => {
      const perRelay = callsPerSecond(1, rate);
      const relays = Math.floor((SHARE * 1000) / (perRelay * ASSUMPTIONS.callMs));
      return [
        rate === rates.at(-1) ? `${rate} and more` : String(rate),
        String(perRelay),
        count(relays),
        count(relays * SIZES.perRelay),
      ];
    }),
  );
}

function stormTable(): string {
  const header = [
    "sockets that come back",
    "objects",
    "spread over",
    "accepts/s, all objects",
    "tickets/s of each limiter",
    "pulls at the hub",
  ];
  return table(
    header,
    GUILDS.filter((sockets) => sockets >= 1_000)
      .map(placed)
      .map(({ sockets, relays, perObject }) => {
        const perSecond = sockets / returnSeconds(perObject);
        return [
          count(sockets),
          count(relays + 1),
          `${count(returnSeconds(perObject))} s`,
          count(perSecond),
          count(perSecond / SIZES.limiters),
          count(relays),
        ];
      }),
  );
}

const NOTHING: Usage = {
  workerRequests: 0,
  workerCpuMs: 0,
  requests: 0,
  gigabyteSeconds: 0,
  rowsWritten: 0,
  rowsRead: 0,
  storedGigabytes: 0,
};

function placed(sockets: number): Placement {
  return place(sockets, SIZES.perHub, SIZES.perRelay);
}

/** A Markdown table, padded as the formatter pads it. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(3, name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

/** A whole number with thousands apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${count(value)} ms`;
}

function percent(share: number): string {
  return `${count(share * 100)} %`;
}

function dollars(value: number): string {
  return value < 10 ? `$${value.toFixed(2)}` : `$${count(value)}`;
}
