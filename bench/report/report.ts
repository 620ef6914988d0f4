import type { Report } from "../bench.ts";
import { PLAN, SCALE } from "../plan.ts";
import type { RecoveryTrial, ResumeTrial } from "../recovery.ts";
import type { SubjectName } from "../subjects/subject.ts";
import { aimsOf } from "./aims.ts";
import { audienceTable, measured, memoryTable, type Named } from "./many-sockets.ts";
import { figure, ratio, ratioOfSums, resumeCpu, type Figure, type Summary } from "./summary.ts";
import {
  CANNOT,
  count,
  ms,
  percent,
  seconds,
  table,
  tableOf,
  times,
  verdict,
  whole,
  type Column,
} from "./table.ts";

/** The report of `npm run bench`: what was run, and the results. */
export function reportOf(
  summary: Summary,
  contenders: readonly Named[],
  runSeconds: number,
): Report {
  const { trials, recoveries, idle, faults, of } = summary;
  return {
    packages: { ws: "ws", hono: "hono", partyserver: "partyserver", "Socket.IO": "socket.io" },
    waitsForDisk: true,
    extent: extentOf(runSeconds),
    faults,
    sound: soundOf(summary),
    parts: [
      ...(trials.length === 0 ? [] : roundTables(summary, contenders)),
      ...(of.has("hub-memory") ? [journalTable(summary)] : []),
      ...(recoveries.length === 0 ? [] : recoveryTables(summary, contenders)),
      ...(idle.length === 0 ? [] : [idleTable(summary, contenders)]),
      ...(summary.memory.length === 0 ? [] : [memoryTable(summary, contenders)]),
      ...(summary.audience === null ? [] : [audienceTable(summary.audience)]),
      tableOf(aimsOf(summary), [
        ["aim", ({ text }) => text],
        ["this run", ({ value }) => value],
        ["", ({ met }) => verdict(met)],
      ]),
      ...(of.has("ceiling") ? [describeGenerator(summary)] : []),
    ],
  };
}

function extentOf(runSeconds: number): string {
  const scale = SCALE === 1 ? "" : ` · **made smaller by ${SCALE}: the figures mean nothing**`;
  return (
    `${PLAN.rounds} ${PLAN.rounds === 1 ? "round" : "rounds"} of ` +
    `${count(PLAN.sockets)} sockets, ${PLAN.bursts} bursts of ${PLAN.burstEvents} events in requests of ` +
    `${PLAN.requestEvents}, ${PLAN.quietEvents} lone events at ${1000 / PLAN.quietIntervalMs} a second; ` +
    `${PLAN.loneResumes + PLAN.crowdedResumes} resumes, one restart and a time of idling; ` +
    `${runSeconds} s in all${scale}`
  );
}

function soundOf({ trials }: Summary): string {
  const events = PLAN.bursts * PLAN.burstEvents + PLAN.quietEvents;
  const deliveries = trials.length === 0 ? 0 : PLAN.rounds * PLAN.sockets * events;
  return (
    `Every socket got every event once and in order: ${count(deliveries)} checked deliveries for each ` +
    "row of fan-out, and every resume complete. What a server without memory loses in a restart is in the table."
  );
}

/** The tables of what was measured in rounds. */
function roundTables(summary: Summary, contenders: readonly Named[]): string[] {
  type Cell = Column<Named>[1];
  const own =
    (what: Figure, write: (value: number) => string): Cell =>
    ({ name }) => {
      const value = figure(summary, what, name);
      return Number.isNaN(value) ? CANNOT : write(value);
    };
  const by =
    (what: Figure, other: SubjectName): Cell =>
    ({ name }) =>
      times(ratio(summary, what, name, other));
  const byToken =
    (what: Figure, base: Figure): Cell =>
    ({ name }) => {
      const value = ratio(summary, what, name, "socket-io", base);
      return Number.isNaN(value) ? CANNOT : times(value);
    };
  const label: Cell = (contender) => contender.label;
  return [
    tableOf(contenders, [
      ["fan-out", label],
      ["deliveries per server CPU-second", own("deliveriesPerCpuSecond", count)],
      ["× bare loop", by("deliveriesPerCpuSecond", "bare")],
      ["× Node + ws", by("deliveriesPerCpuSecond", "node")],
      ["lone event p50", own("quietP50", ms)],
      ["p99", own("quietP99", ms)],
      ["p50 × bare loop", by("quietP50", "bare")],
      ["p99 × bare loop", by("quietP99", "bare")],
    ]),
    tableOf(contenders, [
      ["connections", label],
      ["connects per second", own("connectsPerSecond", count)],
      ["× bare loop", by("connectsPerSecond", "bare")],
      ["KiB per idle socket", own("kibPerSocket", whole)],
      ["after all events", own("kibPerUsedSocket", whole)],
      ["× bare loop", by("kibPerUsedSocket", "bare")],
      ["deliveries per second", own("deliveriesPerSecond", count)],
      ["generator busy", own("generatorBusy", percent)],
    ]),
    tableOf(contenders, [
      ["connects per server CPU-second", label],
      ["with a token", own("tokenConnects", count)],
      ["× Socket.IO", byToken("tokenConnects", "tokenConnects")],
      ["again", own("tokenReturns", count)],
      ["× Socket.IO", byToken("tokenReturns", "tokenReturns")],
      ["with a ticket", own("ticketConnects", count)],
      ["× Socket.IO, token", byToken("ticketConnects", "tokenConnects")],
      ["again", own("ticketReturns", count)],
      ["× Socket.IO, token", byToken("ticketReturns", "tokenReturns")],
    ]),
    tableOf(contenders, [
      ["publishing, events a second", label],
      ["nobody connected", own("unheardPerSecond", count)],
      ["× bare loop", by("unheardPerSecond", "bare")],
      ["server CPU for 1,000", own("unheardCpuMs", ms)],
      ["× bare loop", ({ name }) => times(ratioOfSums(summary, "unheardCpuMs", name, "bare"))],
      ["for a request with one", own("unheardRequestCpuMs", (value) => `${value.toFixed(2)} ms`)],
      ["each further one", ({ name }) => `${furtherEventUs(summary, name).toFixed(1)} µs`],
      [`${count(PLAN.sockets)} sockets`, own("heardPerSecond", count)],
      ["× bare loop", by("heardPerSecond", "bare")],
    ]),
  ];
}

/** Server CPU of one more event in a request, microseconds: what a full request costs beside one with a single event. */
function furtherEventUs(summary: Summary, name: SubjectName): number {
  const { requestEvents } = PLAN;
  const full = (figure(summary, "unheardCpuMs", name) * requestEvents) / 1_000;
  return ((full - figure(summary, "unheardRequestCpuMs", name)) * 1_000) / (requestEvents - 1);
}

/** What the disk costs: the same Worker with its objects on disk and in memory. */
function journalTable(summary: Summary): string {
  const row = (label: string, what: Figure, write: (value: number) => string): string[] => [
    label,
    write(figure(summary, what, "hub")),
    write(figure(summary, what, "hub-memory")),
    times(ratio(summary, what, "hub", "hub-memory")),
  ];
  return table([
    ["journal", "on disk", "in memory", "disk by memory"],
    row("lone event p50", "quietP50", ms),
    row("events a second, nobody connected", "unheardPerSecond", count),
    row("server CPU for 1,000 events", "unheardCpuMs", ms),
    row(`events a second, ${count(PLAN.sockets)} sockets`, "heardPerSecond", count),
  ]);
}

/** How clients resume, and how a restart of the server affects all of them. */
function recoveryTables(summary: Summary, contenders: readonly Named[]): string[] {
  const trials = measured(contenders, summary.recoveries);
  const resume =
    (cell: (trial: ResumeTrial, of: RecoveryTrial) => string) =>
    (of: RecoveryTrial): string =>
      of.resume === null ? CANNOT : cell(of.resume, of);
  const restarts = trials.map(({ label, restart }) => ({ label, ...restart }));
  return [
    tableOf(trials, [
      [`resume of ${count(PLAN.missedEvents)} events`, ({ label }) => label],
      ["p50", resume(({ loneP50 }) => ms(loneP50))],
      ["p99", resume(({ loneP99 }) => ms(loneP99))],
      [`p50, ${PLAN.resumesAtOnce} at once`, resume(({ crowdedP50 }) => ms(crowdedP50))],
      ["p99", resume(({ crowdedP99 }) => ms(crowdedP99))],
      ["server CPU", resume(({ cpuMsPerResume }) => ms(cpuMsPerResume))],
      ["× Socket.IO", resume((_, { subject }) => times(resumeCpu(summary, subject)))],
      [
        "rows read",
        resume(({ d1Queries }, { subject }) => {
          if (subject === "journal-loop") return "not counted";
          // A subject without a database keeps everything in its process and reads no rows.
          return d1Queries === null ? "from memory" : count(summary.rowsPerResume ?? Number.NaN);
        }),
      ],
      [
        "D1 queries",
        resume(({ d1Queries }) => (d1Queries === null ? "has no D1" : String(d1Queries))),
      ],
    ]),
    tableOf(restarts, [
      ["SIGKILL and restart", ({ label }) => label],
      ["first attempt within", ({ spreadMs }) => seconds(spreadMs)],
      ["server listens after", ({ upMs }) => seconds(upMs)],
      ["last client back after", ({ backMs }) => seconds(backMs)],
      [
        "last one caught up after",
        ({ caughtUpMs }) => (caughtUpMs === null ? CANNOT : seconds(caughtUpMs)),
      ],
      ["peak accepts a second", ({ peakPerSecond }) => count(peakPerSecond)],
      [
        "deliveries lost",
        ({ deliveries, lost }) =>
          lost === 0
            ? "0"
            : `${count(lost)} of ${count(deliveries)} (${percent(lost / deliveries)})`,
      ],
    ]),
  ];
}

/** What idle sockets cost. */
function idleTable(summary: Summary, contenders: readonly Named[]): string {
  const pings = (PLAN.idleSockets * PLAN.idleMs) / PLAN.idlePingMs;
  return tableOf(measured(contenders, summary.idle), [
    [
      `${count(PLAN.idleSockets)} sockets that ping every ${PLAN.idlePingMs / 1000} s`,
      ({ label }) => label,
    ],
    [
      `calls into its object in ${PLAN.idleMs / 1000} s`,
      ({ calls }) => (calls === null ? CANNOT : String(calls)),
    ],
    ["wakes by the hub's own count", ({ wakes }) => String(wakes)],
    ["server CPU in that time", ({ cpuMs }) => `${cpuMs.toFixed(0)} ms`],
    ["per ping", ({ cpuMs }) => `${((cpuMs * 1000) / pings).toFixed(0)} µs`],
  ]);
}

function describeGenerator(summary: Summary): string {
  const perSecond = figure(summary, "deliveriesPerSecond", "ceiling");
  const perCpuSecond = figure(summary, "generatorPerCpuSecond", "ceiling");
  return (
    `The load generator's own ceiling: fed by raw TCP writes it took ${count(perSecond)} ` +
    `deliveries a second, ${count(perCpuSecond)} per second of its own CPU.`
  );
}
