/**
 * Judges the files of a drill: `node e2e/drill/check.ts <folder>`. Exit code 0: nothing is lost,
 * duplicated, reordered, leaked or otherwise wrong.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { FILES } from "./files.ts";
import {
  readLines,
  type ClientLine,
  type DrillFacts,
  type FaultLine,
  type TruthLine,
} from "./history.ts";
import { judge } from "./judge.ts";
import { isClean, writeDrillReport } from "./report.ts";

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Name the folder: node e2e/drill/check.ts <folder>");
  process.exit(2);
}
const inFolder = (name: string): string => path.join(folder, name);
const facts = JSON.parse(readFileSync(inFolder(FILES.facts), "utf8")) as DrillFacts;
const verdict = judge({
  truth: [...readLines<TruthLine>(inFolder(FILES.truth))],
  clients: readdirSync(inFolder(FILES.clients))
    .toSorted()
    .map((name) => ({
      name: path.basename(name, ".jsonl"),
      lines: () => readLines<ClientLine>(path.join(folder, FILES.clients, name)),
    })),
  faults: readLines<FaultLine>(inFolder(FILES.faults)),
});
console.log(writeDrillReport(verdict, facts));
process.exitCode = isClean(verdict, facts) ? 0 : 1;
