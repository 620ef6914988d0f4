import { times } from "./table.ts";
import { ratio, ticketRatio, type Summary } from "./summary.ts";
import type { SubjectName } from "../subjects/subject.ts";

/** One aim of the project, and how this run stands to it. */
export type Aim = {
  readonly text: string;
  readonly value: string;
  /** null: this run did not measure it. */
  readonly met: boolean | null;
};

/** How the run stands to the project's aims. Aims are shown, they fail nothing. */
export function aimsOf(summary: Summary): Aim[] {
  const perCpu = (name: SubjectName, other: SubjectName): number =>
    ratio(summary, "deliveriesPerCpuSecond", name, other);
  const p50 = (name: SubjectName): number => ratio(summary, "quietP50", name, "bare");
  const onDisk = (what: "quietP50" | "unheardPerSecond"): number =>
    ratio(summary, what, "hub", "hub-memory");
  return [
    atLeast(
      "bursts, batching: deliveries per CPU-second of the bare loop",
      perCpu("hub-batch", "bare"),
      5,
    ),
    atLeast(
      "bursts, batching: deliveries per CPU-second of Node + ws",
      perCpu("hub-batch", "node"),
      1.5,
    ),
    atLeast("bursts, one event a frame: of the bare loop", perCpu("hub", "bare"), 0.85),
    atMost("lone events: p50 of the bare loop", p50("hub"), 1.1),
    atMost("lone events, batching: p50 of the bare loop", p50("hub-batch"), 1.1),
    atMost("journal on disk: lone p50 of the same in memory", onDisk("quietP50"), 1.15),
    atLeast(
      "journal on disk: publish rate of the same in memory",
      onDisk("unheardPerSecond"),
      0.85,
    ),
    ...resumeAims(summary, "hub", "resume of 1,000 events"),
    ...resumeAims(summary, "hub-batch", "resume of 1,000 events, batching"),
    atLeast(
      "connects with a ticket: of the bare loop's connects",
      ticketRatio(summary, "hub", "bare"),
      0.5,
    ),
    idleAim(summary),
  ];
}

function resumeAims(summary: Summary, name: SubjectName, text: string): Aim[] {
  const resume = summary.recoveries.find(({ restart }) => restart.subject === name)?.resume;
  const p99 = resume?.loneP99 ?? Number.NaN;
  const cpu = resume?.cpuMsPerResume ?? Number.NaN;
  const d1 = resume?.d1Queries ?? Number.NaN;
  return [
    aim(`${text}: p99 < 50 ms`, p99, p99 < 50, milliseconds),
    aim(`${text}: server CPU < 5 ms`, cpu, cpu < 5, milliseconds),
    aim(`${text}: D1 queries = 0`, d1, d1 === 0, String),
  ];
}

function idleAim({ idle }: Summary): Aim {
  const text = "calls and wakes in a minute of idle, pinging sockets = 0";
  const hub = idle.find(({ subject }) => subject === "hub");
  if (hub === undefined) return { text, value: "not measured", met: null };
  const { calls, wakes } = hub;
  // Without the hub's own count there is still what was seen from outside.
  const met = calls === 0 && (wakes === 0 || wakes === "not observable");
  return { text, value: `${calls}, ${wakes}`, met };
}

function atLeast(text: string, value: number, bound: number): Aim {
  return aim(`${text} ≥ ${bound} ×`, value, value >= bound, times);
}

function atMost(text: string, value: number, bound: number): Aim {
  return aim(`${text} ≤ ${bound} ×`, value, value <= bound, times);
}

function aim(text: string, value: number, met: boolean, write: (value: number) => string): Aim {
  return Number.isNaN(value)
    ? { text, value: "not measured", met: null }
    : { text, value: write(value), met };
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}
