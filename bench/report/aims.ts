import { PLAN } from "../plan.ts";
import type { SubjectName } from "../subjects/subject.ts";
import { figure, ratio, ratioOfSums, resumeCpu, type Figure, type Summary } from "./summary.ts";
import { kib, ms, times, whole } from "./table.ts";

/** One aim of the project, and whether this run met it. */
type Aim = {
  readonly text: string;
  readonly value: string;
  /** null: this run did not measure it. */
  readonly met: boolean | null;
};

/** Whether the run met the project's aims. A missed aim is shown and fails nothing. */
export function aimsOf(summary: Summary): Aim[] {
  const perCpu = (name: SubjectName, other: SubjectName): number =>
    ratio(summary, "deliveriesPerCpuSecond", name, other);
  const p50 = (name: SubjectName): number => ratio(summary, "quietP50", name, "bare");
  const onDisk = (what: Figure): number => ratio(summary, what, "hub", "hub-memory");
  const perToken = (what: Figure, base: Figure): number =>
    ratio(summary, what, "hub", "socket-io", base);
  const deliveries = "bursts, batching: deliveries per CPU-second of";
  return [
    aim(`${deliveries} the bare loop`, perCpu("hub-batch", "bare"), "≥", 5, times),
    aim(`${deliveries} Node + ws`, perCpu("hub-batch", "node"), "≥", 1.5, times),
    aim("bursts, one event a frame: of the bare loop", perCpu("hub", "bare"), "≥", 0.85, times),
    aim("lone events: p50 of the bare loop", p50("hub"), "≤", 1.1, times),
    aim(
      "lone events: p99 of the bare loop",
      ratio(summary, "quietP99", "hub", "bare"),
      "≤",
      1.25,
      times,
    ),
    aim("lone events, batching: p50 of the bare loop", p50("hub-batch"), "≤", 1.1, times),
    aim(
      "publishing to nobody: server CPU of the bare loop",
      ratioOfSums(summary, "unheardCpuMs", "hub", "bare"),
      "≤",
      4,
      times,
    ),
    aim("journal on disk: lone p50 of the same in memory", onDisk("quietP50"), "≤", 1.15, times),
    aim(
      "journal on disk: publish rate of the same in memory",
      onDisk("unheardPerSecond"),
      "≥",
      0.85,
      times,
    ),
    ...resumeAims(summary, "hub", "resume of 1,000 events"),
    ...resumeAims(summary, "hub-batch", "resume of 1,000 events, batching"),
    ...(
      [
        ["token in the header", "tokenConnects", "tokenConnects", 1.3],
        ["token in the header, again", "tokenReturns", "tokenReturns", 1.3],
        ["ticket", "ticketConnects", "tokenConnects", 0.9],
        ["ticket, again", "ticketReturns", "tokenReturns", 0.9],
      ] as const
    ).map(([text, what, base, bound]) =>
      aim(
        `connects per CPU-second, ${text}: of Socket.IO with a token`,
        perToken(what, base),
        "≥",
        bound,
        times,
      ),
    ),
    ...memoryAims(summary),
    ...audienceAims(summary),
    idleAim(summary),
  ];
}

function memoryAims(summary: Summary): Aim[] {
  const { further = Number.NaN } = summary.memory.find(({ subject }) => subject === "hub") ?? {};
  const first = figure(summary, "kibPerSocket", "hub");
  return [
    aim(`memory of an idle socket, with what ${whole(PLAN.sockets)} share`, first, "≤", 95, kib),
    aim("memory of one more idle socket", further, "≤", 95, kib),
  ];
}

function audienceAims({ audience }: Summary): Aim[] {
  const sockets = whole(audience?.sockets ?? PLAN.audience.sockets);
  return (
    [
      ["lone", "one by one"],
      ["together", `${PLAN.requestEvents} in a request`],
    ] as const
  ).map(([kind, how]) => {
    const { alone, among } = audience?.costs[kind] ?? { alone: Number.NaN, among: Number.NaN };
    const what = `an event for ${PLAN.audience.readers} of ${sockets} sockets, ${how}: server CPU of one for ${PLAN.audience.readers} of ${PLAN.audience.readers}`;
    return aim(what, among / alone, "≤", 3, times);
  });
}

function resumeAims(summary: Summary, name: SubjectName, text: string): Aim[] {
  const resume = summary.recoveries.find(({ subject }) => subject === name)?.resume;
  return [
    aim(`${text}: p99`, resume?.loneP99 ?? Number.NaN, "<", 50, ms),
    aim(`${text}: server CPU of Socket.IO's`, resumeCpu(summary, name), "≤", 0.45, times),
    aim(`${text}: D1 queries`, resume?.d1Queries ?? Number.NaN, "=", 0, String),
  ];
}

function idleAim({ idle }: Summary): Aim {
  const text = "calls and wakes in a minute of idle, pinging sockets = 0";
  const hub = idle.find(({ subject }) => subject === "hub");
  if (hub === undefined) return { text, value: "not measured", met: null };
  const { calls, wakes } = hub;
  // Without the hub's own count the calls that were counted from outside decide.
  const met = calls === 0 && (wakes === 0 || wakes === "not observable");
  return { text, value: `${calls}, ${wakes}`, met };
}

const HOLDS = {
  "≥": (value: number, bound: number) => value >= bound,
  "≤": (value: number, bound: number) => value <= bound,
  "<": (value: number, bound: number) => value < bound,
  "=": (value: number, bound: number) => value === bound,
} as const;

/** @param write formats a figure for the table, with its unit after the number */
function aim(
  what: string,
  value: number,
  sign: keyof typeof HOLDS,
  bound: number,
  write: (value: number) => string,
): Aim {
  const unit = write(0).replace(/^[\d.]+/, "");
  const text = `${what} ${sign} ${bound}${unit}`;
  if (Number.isNaN(value)) return { text, value: "not measured", met: null };
  return { text, value: write(value), met: HOLDS[sign](value, bound) };
}
