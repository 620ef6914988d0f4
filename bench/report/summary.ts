import { median } from "../measure/statistics.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Trial } from "../trial.ts";

/** What is measured of each subject; medians of the rounds. */
export type Figures = Omit<Trial, "subject" | "faults">;

/** All rounds of a run. */
export type Summary = {
  readonly of: ReadonlyMap<Subject["name"], Figures>;
  readonly faults: readonly string[];
};

/** One aim of the project, and how this run stands to it. */
export type Aim = { readonly text: string; readonly value: number; readonly met: boolean };

/** Puts the rounds together. */
export function summarize(trials: readonly Trial[]): Summary {
  const bySubject = Map.groupBy(trials, (trial) => trial.subject);
  return {
    of: new Map([...bySubject].map(([name, own]) => [name, figuresOf(own)] as const)),
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

/** The figures of a subject that was part of the run. */
export function figures({ of }: Summary, name: Subject["name"]): Figures {
  const own = of.get(name);
  if (own === undefined) throw new Error(`${name} was not measured`);
  return own;
}

/** How the run stands to the project's aims. Aims are shown, they fail nothing. */
export function aimsOf(summary: Summary): Aim[] {
  const hub = figures(summary, "hub");
  const batch = figures(summary, "hub-batch");
  const bare = figures(summary, "bare");
  const node = figures(summary, "node");
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
  const perCpu = (one: Figures, other: Figures): number =>
    one.deliveriesPerCpuSecond / other.deliveriesPerCpuSecond;
  return [
    atLeast("bursts, batching: deliveries per CPU-second of the bare loop", perCpu(batch, bare), 4),
    atLeast("bursts, batching: deliveries per CPU-second of Node + ws", perCpu(batch, node), 1.2),
    atLeast("bursts, one event a frame: of the bare loop", perCpu(hub, bare), 0.85),
    atMost("lone events: p50 of the bare loop", hub.quietP50 / bare.quietP50, 1.15),
    atMost("lone events, batching: p50 of the bare loop", batch.quietP50 / bare.quietP50, 1.15),
  ];
}
