import type { IdleTrial } from "../idle.ts";
import { median } from "../measure/statistics.ts";
import type { RecoveryTrial } from "../recovery.ts";
import type { Trial } from "../round.ts";
import type { SubjectName } from "../subjects/subject.ts";

/** What is measured of each subject in the rounds; medians of them. */
export type Figures = Omit<Trial, "subject" | "faults">;

/** All that a run measured. Parts that it left out are empty. */
export type Results = {
  readonly trials: readonly Trial[];
  readonly recoveries: readonly RecoveryTrial[];
  /** SQL rows that one resume of GuildHub reads; null: not counted. */
  readonly rowsPerResume: number | null;
  readonly idle: readonly IdleTrial[];
};

/** All rounds of a run, and what was measured once. */
export type Summary = Results & {
  readonly of: ReadonlyMap<SubjectName, readonly Trial[]>;
  readonly faults: readonly string[];
};

/** Puts the parts together. */
export function summarize(results: Results): Summary {
  const { trials, recoveries, idle } = results;
  const all = [
    ...trials,
    ...recoveries.flatMap(({ resume, restart }) =>
      resume === null ? [restart] : [resume, restart],
    ),
    ...idle,
  ];
  return {
    ...results,
    of: Map.groupBy(trials, (trial) => trial.subject),
    faults: all.flatMap(({ subject, faults }) => faults.map((fault) => `${subject}: ${fault}`)),
  };
}

/** The figures of a subject: the median of its rounds. */
export function figures(summary: Summary, name: SubjectName): Figures {
  const trials = trialsOf(summary, name);
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
    unheardPerSecond: of((trial) => trial.unheardPerSecond),
    unheardCpuMs: of((trial) => trial.unheardCpuMs),
    heardPerSecond: of((trial) => trial.heardPerSecond),
    generatorPerCpuSecond: of((trial) => trial.generatorPerCpuSecond),
    generatorBusy: of((trial) => trial.generatorBusy),
  };
}

/** One subject by another: the median of the ratios that each round has. */
export function ratio(
  summary: Summary,
  what: Exclude<keyof Figures, "ticketConnectsPerSecond">,
  name: SubjectName,
  other: SubjectName,
): number {
  return medianRatio(summary, name, other, (trial, base) => trial[what] / base[what]);
}

/** Connects with a ticket by another subject's connects without. NaN for a subject without tickets. */
export function ticketRatio(summary: Summary, name: SubjectName, other: SubjectName): number {
  return medianRatio(summary, name, other, (trial, base) =>
    trial.ticketConnectsPerSecond === null
      ? Number.NaN
      : trial.ticketConnectsPerSecond / base.connectsPerSecond,
  );
}

function medianRatio(
  summary: Summary,
  name: SubjectName,
  other: SubjectName,
  read: (trial: Trial, base: Trial) => number,
): number {
  const others = trialsOf(summary, other);
  return median(
    trialsOf(summary, name).flatMap((trial, round) => {
      const base = others[round];
      return base === undefined ? [] : [read(trial, base)];
    }),
  );
}

function trialsOf({ of }: Summary, name: SubjectName): readonly Trial[] {
  return of.get(name) ?? [];
}
