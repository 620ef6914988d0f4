import type { AudienceTrial } from "../audience.ts";
import type { IdleTrial } from "../idle.ts";
import type { MemoryTrial } from "../memory.ts";
import { median } from "../statistics.ts";
import type { RecoveryTrial } from "../recovery.ts";
import type { Trial } from "../round.ts";
import type { SubjectName } from "../subjects/subject.ts";

/** A figure that each round measures for each subject. */
export type Figure = Exclude<keyof Trial, "subject" | "faults">;

/** Everything that a run measured. Parts that it skipped are empty. */
export type Results = {
  readonly trials: readonly Trial[];
  readonly recoveries: readonly RecoveryTrial[];
  /** SQL rows that one resume of GuildHub reads; null: not counted. */
  readonly rowsPerResume: number | null;
  readonly idle: readonly IdleTrial[];
  readonly memory: readonly MemoryTrial[];
  readonly audience: AudienceTrial | null;
};

/** All rounds of a run, by subject, and what was measured once. */
export type Summary = Results & {
  readonly of: ReadonlyMap<SubjectName, readonly Trial[]>;
  readonly faults: readonly string[];
};

export function summarize(results: Results): Summary {
  const { trials, recoveries, idle, memory, audience } = results;
  const own = audience === null ? [] : [{ subject: "hub" as const, faults: audience.faults }];
  const all = [...trials, ...recoveries, ...idle, ...memory, ...own];
  return {
    ...results,
    of: Map.groupBy(trials, (trial) => trial.subject),
    faults: all.flatMap(({ subject, faults }) => faults.map((fault) => `${subject}: ${fault}`)),
  };
}

/** A figure of a subject: the median of its rounds. NaN if it has no such figure. */
export function figure({ of }: Summary, what: Figure, name: SubjectName): number {
  return median((of.get(name) ?? []).map((trial) => trial[what]));
}

/**
 * One subject divided by another, each summed over all rounds: for a figure that one round measures too coarsely.
 * NaN when one of them was not measured, or the other was too short to count.
 */
export function ratioOfSums(
  { of }: Summary,
  what: Figure,
  name: SubjectName,
  other: SubjectName,
): number {
  const [sum = Number.NaN, by = Number.NaN] = [name, other].map((one) =>
    of.get(one)?.reduce((total, trial) => total + trial[what], 0),
  );
  return by === 0 ? Number.NaN : sum / by;
}

/**
 * One subject divided by another: the median of the ratios of all rounds. NaN when one of them was not measured.
 * @param base the figure of the other subject to compare with
 */
export function ratio(
  { of }: Summary,
  what: Figure,
  name: SubjectName,
  other: SubjectName,
  base: Figure = what,
): number {
  const others = of.get(other) ?? [];
  return median(
    (of.get(name) ?? []).flatMap((trial, round) => {
      const by = others[round]?.[base];
      return by === undefined ? [] : [trial[what] / by];
    }),
  );
}

/** Server CPU of a resume, divided by Socket.IO's. NaN when one of them was not measured. */
export function resumeCpu({ recoveries }: Summary, name: SubjectName): number {
  const [own = Number.NaN, by = Number.NaN] = [name, "socket-io"].map(
    (one) => recoveries.find(({ subject }) => subject === one)?.resume?.cpuMsPerResume,
  );
  return own / by;
}
