/**
 * Judges the files of a drill: `node e2e/drill/check.ts <folder>`. Exit code 0: nothing is lost,
 * duplicated, reordered, leaked or otherwise wrong.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { FILES } from "./drill.ts";
import {
  readLines,
  type CallLine,
  type ClientLine,
  type DrillFacts,
  type FaultLine,
  type TruthLine,
} from "./history.ts";
import { judge, type Verdict } from "./judge.ts";
import { PROBLEM_KINDS } from "./problems.ts";
import type { SyncLine } from "./sync/history.ts";

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Name the folder: node e2e/drill/check.ts <folder>");
  process.exit(2);
}
const inFolder = (name: string): string => path.join(folder, name);
const factsOfDrill = JSON.parse(readFileSync(inFolder(FILES.facts), "utf8")) as DrillFacts;
const judged = judge({
  truth: [...readLines<TruthLine>(inFolder(FILES.truth))],
  clients: readdirSync(inFolder(FILES.clients))
    .toSorted()
    .map((name) => ({
      name: path.basename(name, ".jsonl"),
      lines: () => readLines<ClientLine>(path.join(folder, FILES.clients, name)),
    })),
  calls: readLines<CallLine>(inFolder(FILES.calls)),
  accounts: readLines<SyncLine>(inFolder(FILES.sync)),
  faults: readLines<FaultLine>(inFolder(FILES.faults)),
});
console.log(writeReport(judged, factsOfDrill));
process.exitCode = isClean(judged, factsOfDrill) ? 0 : 1;

/** Whether the verdict has no problem. */
function isClean(verdict: Verdict, facts: DrillFacts): boolean {
  const { problems, deliveries, calls, accounts } = verdict;
  const isEmpty = deliveries === 0 || calls.answered === 0 || accounts.messages === 0;
  return problems.all.length === 0 && facts.problems.length === 0 && !isEmpty;
}

/** The verdict for a person; the figures that must be 0 come first. */
function writeReport(verdict: Verdict, facts: DrillFacts): string {
  const { problems, journals, calls, accounts } = verdict;
  const events = [...journals].map(([guild, count]) => `${number(count)} (${guild})`).join(", ");
  return [
    `deliveries ${number(verdict.deliveries)}  to ${verdict.clients} clients, ${facts.relays} relays; journaled ${events}`,
    PROBLEM_KINDS.map((kind) => `${kind} ${problems.count(kind)}`).join("  "),
    `faults     ${counts(verdict.faults)}`,
    `calls      answered ${number(calls.answered)}, failed: ${counts(calls.failed)}, callers gone ${number(calls.left)}`,
    `accounts   updates ${number(accounts.updates)}, messages ${number(accounts.messages)}, changes ${number(accounts.changes)}`,
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
