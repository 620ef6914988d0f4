import { PLAN } from "../plan.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Machine } from "./machine.ts";
import { aimsOf, figures, ratio, type Figures, type Summary } from "./summary.ts";

const START = "<!-- bench:start -->";
const END = "<!-- bench:end -->";

/** The text with what stands between the markers replaced. @throws when a marker is missing */
export function replaceGenerated(text: string, generated: string): string {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the document lacks ${START} and ${END}`);
  return `${text.slice(0, start + START.length)}\n\n${generated}\n\n${text.slice(end)}`;
}

/** The generated part: what was run, on what, and what came of it. */
export function writeReport(
  summary: Summary,
  contenders: readonly Pick<Subject, "name" | "label">[],
  machine: Machine,
  seconds: number,
): string {
  const parts = [describeRun(machine, seconds)];
  const { faults } = summary;
  if (faults.length > 0) {
    parts.push(`**This run is void.** ${faults.map((fault) => `\n- ${fault}`).join("")}`);
  }
  const deliveries =
    PLAN.rounds * PLAN.sockets * (PLAN.bursts * PLAN.burstEvents + PLAN.quietEvents);
  if (faults.length === 0) {
    parts.push(
      `Every socket got every event once and in order: ${count(deliveries)} checked deliveries for each row.`,
    );
  }
  parts.push(table(fanOutRows(summary, contenders)), table(connectionRows(summary, contenders)));
  parts.push(table(aimRows(summary)), describeGenerator(summary));
  return parts.join("\n\n");
}

function describeRun(machine: Machine, seconds: number): string {
  const { cpu, cores, load, storage, versions } = machine;
  const date = new Date().toISOString().slice(0, 10);
  return (
    `${date} · ${cpu}, ${cores} cores, storage on ${storage}, load ${load.toFixed(1)} at the end · ` +
    `${versions.map((pair) => pair.join(" ")).join(", ")} · ${PLAN.rounds} rounds in ${seconds} s, ` +
    `${count(PLAN.sockets)} sockets, ${PLAN.bursts} bursts of ${PLAN.burstEvents} events in requests of ` +
    `${PLAN.requestEvents}, ${PLAN.quietEvents} lone events at ${1000 / PLAN.quietIntervalMs} a second (per round)`
  );
}

function fanOutRows(
  summary: Summary,
  contenders: readonly Pick<Subject, "name" | "label">[],
): string[][] {
  return [
    [
      "",
      "deliveries per server CPU-second",
      "× bare loop",
      "× Node + ws",
      "lone event p50",
      "p99",
      "p50 × bare loop",
    ],
    ...contenders.map(({ name, label }) => {
      const own = figures(summary, name);
      return [
        label,
        count(own.deliveriesPerCpuSecond),
        times(ratio(summary, "deliveriesPerCpuSecond", name, "bare")),
        times(ratio(summary, "deliveriesPerCpuSecond", name, "node")),
        `${own.quietP50.toFixed(1)} ms`,
        `${own.quietP99.toFixed(1)} ms`,
        times(ratio(summary, "quietP50", name, "bare")),
      ];
    }),
  ];
}

function connectionRows(
  summary: Summary,
  contenders: readonly Pick<Subject, "name" | "label">[],
): string[][] {
  return [
    [
      "",
      "connects per second",
      "with a ticket",
      "KiB per idle socket",
      "deliveries per second",
      "generator busy",
    ],
    ...contenders.map(({ name, label }) => {
      const own = figures(summary, name);
      return [
        label,
        count(own.connectsPerSecond),
        own.ticketConnectsPerSecond === null ? "–" : count(own.ticketConnectsPerSecond),
        own.kibPerSocket.toFixed(0),
        count(own.deliveriesPerSecond),
        percent(own.generatorBusy),
      ];
    }),
  ];
}

function aimRows(summary: Summary): string[][] {
  return [
    ["aim", "this run", ""],
    ...aimsOf(summary).map(({ text, value, met }) => [
      text,
      times(value),
      met ? "aim met" : "aim missed",
    ]),
  ];
}

function describeGenerator(summary: Summary): string {
  const ceiling: Figures = figures(summary, "ceiling");
  return (
    `The load generator's own ceiling: fed by raw TCP writes it took ${count(ceiling.deliveriesPerSecond)} ` +
    `deliveries a second, ${count(ceiling.generatorPerCpuSecond)} per second of its own CPU.`
  );
}

/** A Markdown table, padded so that it reads as text as well. */
function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function count(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US");
}

function times(value: number): string {
  return `${value.toFixed(2)} ×`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
