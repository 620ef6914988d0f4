import type { IdleTrial } from "../idle.ts";
import { median } from "../statistics.ts";
import type { RecoveryTrial } from "../recovery.ts";
import type { Trial } from "../round.ts";
import type { SubjectName } from "../subjects/subject.ts";

/** What is measured of each subject in the rounds. */
export type Figure = Exclude<keyof Trial, "subject" | "faults">;

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
  const all = [...trials, ...recoveries, ...idle];
  return {
    ...results,
    of: Map.groupBy(trials, (trial) => trial.subject),
    faults: all.flatMap(({ subject, faults }) => faults.map((fault) => `${subject}: ${fault}`)),
  };
}

/** A figure of a subject: the median of its rounds. NaN for what it does not have. */
export function figure({ of }: Summary, what: Figure, name: SubjectName): number {
  return median((of.get(name) ?? []).map((trial) => trial[what]));
}

/**
 * One subject by another: the median of the ratios that each round has. NaN when one of them was not
 * measured.
 * @param base what of the other it is compared with
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
