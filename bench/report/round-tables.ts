import { PLAN } from "../plan.ts";
import type { Subject } from "../subjects/subject.ts";
import { figures, ratio, ticketRatio, type Summary } from "./summary.ts";
import { CANNOT, count, ms, percent, table, times } from "./table.ts";

/** A subject as the tables need it. */
export type Named = Pick<Subject, "name" | "label">;

/** The tables of what was measured in rounds. */
export function roundTables(summary: Summary, contenders: readonly Named[]): string[] {
  return [
    fanOut(summary, contenders),
    connections(summary, contenders),
    publishing(summary, contenders),
  ];
}

function fanOut(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    "fan-out",
    "deliveries per server CPU-second",
    "× bare loop",
    "× Node + ws",
    "lone event p50",
    "p99",
    "p50 × bare loop",
  ];
  const rows = contenders.map(({ name, label }) => {
    const own = figures(summary, name);
    return [
      label,
      count(own.deliveriesPerCpuSecond),
      times(ratio(summary, "deliveriesPerCpuSecond", name, "bare")),
      times(ratio(summary, "deliveriesPerCpuSecond", name, "node")),
      ms(own.quietP50),
      ms(own.quietP99),
      times(ratio(summary, "quietP50", name, "bare")),
    ];
  });
  return table([head, ...rows]);
}

function connections(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    "connections",
    "connects per second",
    "× bare loop",
    "with a ticket",
    "× bare loop, without",
    "KiB per idle socket",
    "deliveries per second",
    "generator busy",
  ];
  const rows = contenders.map(({ name, label }) => {
    const own = figures(summary, name);
    const withTicket = own.ticketConnectsPerSecond;
    return [
      label,
      count(own.connectsPerSecond),
      times(ratio(summary, "connectsPerSecond", name, "bare")),
      withTicket === null ? CANNOT : count(withTicket),
      withTicket === null ? CANNOT : times(ticketRatio(summary, name, "bare")),
      own.kibPerSocket.toFixed(0),
      count(own.deliveriesPerSecond),
      percent(own.generatorBusy),
    ];
  });
  return table([head, ...rows]);
}

function publishing(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    "publishing, events a second",
    "nobody connected",
    "× bare loop",
    "server CPU for 1,000",
    `${count(PLAN.sockets)} sockets`,
    "× bare loop",
  ];
  const rows = contenders.map(({ name, label }) => {
    const own = figures(summary, name);
    return [
      label,
      count(own.unheardPerSecond),
      times(ratio(summary, "unheardPerSecond", name, "bare")),
      ms(own.unheardCpuMs),
      count(own.heardPerSecond),
      times(ratio(summary, "heardPerSecond", name, "bare")),
    ];
  });
  return table([head, ...rows]);
}

/** What the disk costs: the same Worker, its objects once on disk and once in memory. */
export function journalTable(summary: Summary): string {
  const disk = figures(summary, "hub");
  const memory = figures(summary, "hub-memory");
  const by = (what: "quietP50" | "unheardPerSecond" | "unheardCpuMs" | "heardPerSecond"): string =>
    times(ratio(summary, what, "hub", "hub-memory"));
  return table([
    ["journal", "on disk", "in memory", "disk by memory"],
    ["lone event p50", ms(disk.quietP50), ms(memory.quietP50), by("quietP50")],
    [
      "events a second, nobody connected",
      count(disk.unheardPerSecond),
      count(memory.unheardPerSecond),
      by("unheardPerSecond"),
    ],
    [
      "server CPU for 1,000 events",
      ms(disk.unheardCpuMs),
      ms(memory.unheardCpuMs),
      by("unheardCpuMs"),
    ],
    [
      `events a second, ${count(PLAN.sockets)} sockets`,
      count(disk.heardPerSecond),
      count(memory.heardPerSecond),
      by("heardPerSecond"),
    ],
  ]);
}
