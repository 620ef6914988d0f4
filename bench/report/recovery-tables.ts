import { PLAN } from "../plan.ts";
import type { ResumeTrial } from "../resume.ts";
import type { RestartTrial } from "../restart.ts";
import type { Named } from "./round-tables.ts";
import type { Summary } from "./summary.ts";
import { CANNOT, count, ms, percent, seconds, table } from "./table.ts";

/** How clients come back. */
export function resumeTable(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    `resume of ${count(PLAN.missedEvents)} events`,
    "p50",
    "p99",
    `p50, ${PLAN.resumesAtOnce} at once`,
    "p99",
    "server CPU",
    "rows read",
    "D1 queries",
  ];
  const rows = contenders.flatMap(({ name, label }) => {
    const trial = summary.recoveries.find(({ restart }) => restart.subject === name);
    if (trial === undefined) return [];
    const { resume } = trial;
    if (resume === null) return [[label, ...head.slice(1).map(() => CANNOT)]];
    return [[label, ...resumeCells(resume, summary.rowsPerResume)]];
  });
  return table([head, ...rows]);
}

function resumeCells(resume: ResumeTrial, rowsPerResume: number | null): string[] {
  const { loneP50, loneP99, crowdedP50, crowdedP99, cpuMsPerResume, d1Queries } = resume;
  // Who has no database reads no rows: everything lies in its process.
  const rows = d1Queries === null ? "from memory" : count(rowsPerResume ?? Number.NaN);
  return [
    ...[loneP50, loneP99, crowdedP50, crowdedP99, cpuMsPerResume].map(ms),
    rows,
    d1Queries === null ? "has no D1" : String(d1Queries),
  ];
}

/** What a restart of the server does to everybody. */
export function restartTable(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    "SIGKILL and restart",
    "first attempt within",
    "server listens after",
    "last client back after",
    "last one caught up after",
    "peak accepts a second",
    "deliveries lost",
  ];
  const rows = contenders.flatMap(({ name, label }) => {
    const trial = summary.recoveries.find(({ restart }) => restart.subject === name);
    return trial === undefined ? [] : [[label, ...restartCells(trial.restart)]];
  });
  return table([head, ...rows]);
}

function restartCells(restart: RestartTrial): string[] {
  const { spreadMs, upMs, backMs, caughtUpMs, peakPerSecond, deliveries, lost } = restart;
  return [
    seconds(spreadMs),
    seconds(upMs),
    seconds(backMs),
    caughtUpMs === null ? CANNOT : seconds(caughtUpMs),
    count(peakPerSecond),
    lost === 0 ? "0" : `${count(lost)} of ${count(deliveries)} (${percent(lost / deliveries)})`,
  ];
}

/** What idle sockets cost. */
export function idleTable(summary: Summary, contenders: readonly Named[]): string {
  const head = [
    `${count(PLAN.idleSockets)} sockets that ping every ${PLAN.idlePingMs / 1000} s`,
    `calls into its object in ${PLAN.idleMs / 1000} s`,
    "wakes by the hub's own count",
    "server CPU in that time",
    "per ping",
  ];
  const pings = (PLAN.idleSockets * PLAN.idleMs) / PLAN.idlePingMs;
  const rows = contenders.flatMap(({ name, label }) => {
    const trial = summary.idle.find(({ subject }) => subject === name);
    if (trial === undefined) return [];
    const { calls, wakes, cpuMs } = trial;
    return [
      [
        label,
        calls === null ? CANNOT : String(calls),
        String(wakes),
        `${cpuMs.toFixed(0)} ms`,
        `${((cpuMs * 1000) / pings).toFixed(0)} µs`,
      ],
    ];
  });
  return table([head, ...rows]);
}
