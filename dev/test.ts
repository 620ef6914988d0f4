// The program behind `npm test` (dev/run.mjs): all test projects, with one line of numbers at the end.
import path from "node:path";
import { findChromium, installChromium } from "./chromium.ts";
import { buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";
import { VitestRuns } from "./vitest-runs.ts";

const BROWSER_TESTS = "e2e/page*.test.ts";

/**
 * The tests with real processes run last and alone: together with hundreds of others on two cores they would miss
 * their deadlines.
 */
const RUNS = [["node", "workers", "hubs"], ["e2e"]];

const root = path.dirname(import.meta.dirname);
const runs = new VitestRuns(root);

const browser = findChromium() ?? installChromium();
const exclude: string[] = [];
let note: string | undefined;
if (browser === undefined) {
  note = `No Chromium was found, so ${BROWSER_TESTS} did not run. Install one or set CHROMIUM_PATH.`;
  exclude.push("--exclude", BROWSER_TESTS);
  if (process.env["CI"] !== undefined) runs.failed++;
}

try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
  for (const projects of RUNS) {
    if (runs.isInterrupted) break;
    await runs.run([
      ...projects.map((project) => `--project=${project}`),
      "--passWithNoTests",
      ...exclude,
      ...process.argv.slice(2),
    ]);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  runs.failed++;
}
if (note !== undefined) console.log(note);
runs.finish();
