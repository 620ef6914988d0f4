import { PLAN, SCALE } from "../plan.ts";
import { aimsOf } from "./aims.ts";
import type { Machine } from "./machine.ts";
import { idleTable, restartTable, resumeTable } from "./recovery-tables.ts";
import { journalTable, roundTables, type Named } from "./round-tables.ts";
import { figures, type Summary } from "./summary.ts";
import { count, table } from "./table.ts";

/** The generated part: what was run, on what, and what came of it. */
export function writeReport(
  summary: Summary,
  contenders: readonly Named[],
  machine: Machine,
  runSeconds: number,
): string {
  const { trials, recoveries, idle } = summary;
  return [
    describeRun(machine, runSeconds),
    describeFaults(summary),
    ...(trials.length === 0 ? [] : roundTables(summary, contenders)),
    ...(summary.of.has("hub-memory") ? [journalTable(summary)] : []),
    ...(recoveries.length === 0
      ? []
      : [resumeTable(summary, contenders), restartTable(summary, contenders)]),
    ...(idle.length === 0 ? [] : [idleTable(summary, contenders)]),
    aimTable(summary),
    ...(summary.of.has("ceiling") ? [describeGenerator(summary)] : []),
  ].join("\n\n");
}

function describeRun(machine: Machine, runSeconds: number): string {
  const { cpu, cores, load, storage, versions } = machine;
  const date = new Date().toISOString().slice(0, 10);
  const scale = SCALE === 1 ? "" : ` · **made smaller by ${SCALE}: the figures mean nothing**`;
  return (
    `${date} · ${cpu}, ${cores} cores, storage on ${storage}, load ${load.toFixed(1)} at the end · ` +
    `${versions.map((pair) => pair.join(" ")).join(", ")} · ${PLAN.rounds} ${PLAN.rounds === 1 ? "round" : "rounds"} of ` +
    `${count(PLAN.sockets)} sockets, ${PLAN.bursts} bursts of ${PLAN.burstEvents} events in requests of ` +
    `${PLAN.requestEvents}, ${PLAN.quietEvents} lone events at ${1000 / PLAN.quietIntervalMs} a second; ` +
    `${PLAN.loneResumes + PLAN.crowdedResumes} resumes, one restart and a time of idling; ` +
    `${runSeconds} s in all${scale}`
  );
}

function describeFaults({ faults, trials }: Summary): string {
  if (faults.length > 0) {
    return `**This run is void.** ${faults.map((fault) => `\n- ${fault}`).join("")}`;
  }
  const events = PLAN.bursts * PLAN.burstEvents + PLAN.quietEvents;
  const deliveries = trials.length === 0 ? 0 : PLAN.rounds * PLAN.sockets * events;
  return (
    `Every socket got every event once and in order: ${count(deliveries)} checked deliveries for each ` +
    "row of fan-out, and every resume complete. What a server without memory loses in a restart is in the table."
  );
}

function aimTable(summary: Summary): string {
  return table([
    ["aim", "this run", ""],
    ...aimsOf(summary).map(({ text, value, met }) => [text, value, verdict(met)]),
  ]);
}

function verdict(met: boolean | null): string {
  if (met === null) return "–";
  return met ? "aim met" : "aim missed";
}

function describeGenerator(summary: Summary): string {
  const ceiling = figures(summary, "ceiling");
  return (
    `The load generator's own ceiling: fed by raw TCP writes it took ${count(ceiling.deliveriesPerSecond)} ` +
    `deliveries a second, ${count(ceiling.generatorPerCpuSecond)} per second of its own CPU.`
  );
}
