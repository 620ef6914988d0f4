import { median } from "../measure/statistics.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Trial } from "../round.ts";

/** What is measured of each subject; medians of the rounds. */
export type Figures = Omit<Trial, "subject" | "faults">;

/** All rounds of a run. */
export type Summary = {
  readonly of: ReadonlyMap<Subject["name"], readonly Trial[]>;
  readonly faults: readonly string[];
};

/** One aim of the project, and how this run stands to it. */
export type Aim = { readonly text: string; readonly value: number; readonly met: boolean };

/** Puts the rounds together. */
export function summarize(trials: readonly Trial[]): Summary {
  return {
    of: Map.groupBy(trials, (trial) => trial.subject),
    faults: trials.flatMap(({ subject, faults }) => faults.map((fault) => `${subject}: ${fault}`)),
  };
}

function figuresOf(trials: readonly Trial[]): Figures {
  const of = (read: (trial: Trial) => number): number => median(trials.map(read));
  const tickets = trials.flatMap(({ ticketConnectsPerSecond: one }) => (one === null ? [] : [one]));
  return {
    connectsPerSecond: of((trial) => trial.connectsPerSecond),
    ticketConnectsPerSecond: tickets.length === 0 ? null : median(tickets),
    kibPerSocket: of((trial) => trial.kibPerSocket),
    quietP50: of((trial) => trial.quietP50),
    quietP99: of((trial) => trial.quietP99),
    deliveriesPerCpuSecond: of((trial) => trial.deliveriesPerCpuSecond),
    deliveriesPerSecond: of((trial) => trial.deliveriesPerSecond),
    generatorPerCpuSecond: of((trial) => trial.generatorPerCpuSecond),
    generatorBusy: of((trial) => trial.generatorBusy),
  };
}

/** The figures of a subject: the median of its rounds. */
export function figures(summary: Summary, name: Subject["name"]): Figures {
  return figuresOf(trialsOf(summary, name));
}

/** What may be compared between subjects. */
export type Comparable = "deliveriesPerCpuSecond" | "quietP50";

/** One subject by another: the median of the ratios that each round has. */
export function ratio(
  summary: Summary,
  what: Comparable,
  name: Subject["name"],
  other: Subject["name"],
): number {
  const others = trialsOf(summary, other);
  const ratios = trialsOf(summary, name).flatMap((trial, round) => {
    const one = others[round];
    return one === undefined ? [] : [trial[what] / one[what]];
  });
  return median(ratios);
}

function trialsOf({ of }: Summary, name: Subject["name"]): readonly Trial[] {
  return of.get(name) ?? [];
}

/** How the run stands to the project's aims. Aims are shown, they fail nothing. */
export function aimsOf(summary: Summary): Aim[] {
  const atLeast = (text: string, value: number, bound: number): Aim => ({
    text: `${text} ≥ ${bound} ×`,
    value,
    met: value >= bound,
  });
  const atMost = (text: string, value: number, bound: number): Aim => ({
    text: `${text} ≤ ${bound} ×`,
    value,
    met: value <= bound,
  });
  const perCpu = (name: Subject["name"], other: Subject["name"]): number =>
    ratio(summary, "deliveriesPerCpuSecond", name, other);
  const p50 = (name: Subject["name"]): number => ratio(summary, "quietP50", name, "bare");
  return [
    atLeast(
      "bursts, batching: deliveries per CPU-second of the bare loop",
      perCpu("hub-batch", "bare"),
      4,
    ),
    atLeast(
      "bursts, batching: deliveries per CPU-second of Node + ws",
      perCpu("hub-batch", "node"),
      1.2,
    ),
    atLeast("bursts, one event a frame: of the bare loop", perCpu("hub", "bare"), 0.85),
    atMost("lone events: p50 of the bare loop", p50("hub"), 1.15),
    atMost("lone events, batching: p50 of the bare loop", p50("hub-batch"), 1.15),
  ];
}
