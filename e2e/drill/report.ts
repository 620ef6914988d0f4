import type { DrillFacts } from "./history.ts";
import type { Verdict } from "./judge.ts";
import { PROBLEM_KINDS } from "./problems.ts";

/** Whether nothing is wrong. */
export function isClean(verdict: Verdict, facts: DrillFacts): boolean {
  return verdict.problems.all.length === 0 && facts.problems.length === 0 && verdict.deliveries > 0;
}

/** The verdict for a person, the figures that must be 0 first. */
export function writeDrillReport(verdict: Verdict, facts: DrillFacts): string {
  const { problems, journals } = verdict;
  const events = [...journals].map(([guild, count]) => `${number(count)} (${guild})`).join(", ");
  return [
    `deliveries ${number(verdict.deliveries)}  to ${verdict.clients} clients, ${facts.relays} relays; journaled ${events}`,
    PROBLEM_KINDS.map((kind) => `${kind} ${problems.count(kind)}`).join("  "),
    `faults     ${counts(verdict.faults)}`,
    `resumes    ${number(verdict.resumes)}`,
    `snapshots  ${counts(verdict.snapshots)}`,
    `closes     ${counts(verdict.closes)}`,
    `time       ${facts.seconds} s, seed ${facts.seed}`,
    ...facts.problems.map((problem) => `PROBLEM    ${problem}`),
    ...problems.all.flatMap(({ kind, examples }) =>
      examples.map((example) => `${kind.toUpperCase().padEnd(10)} ${example}`),
    ),
  ].join("\n");
}

function counts(found: ReadonlyMap<string | number, number>): string {
  if (found.size === 0) return "none";
  return [...found]
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
    .map(([what, count]) => `${what} ${number(count)}`)
    .join(", ");
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
