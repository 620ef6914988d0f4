// What `npm test` runs (dev/test.mjs): all test projects, with one line of numbers at the end.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawn } from "node:child_process";
import { z } from "zod";
import { findChromium, installChromium } from "./chromium.ts";
import { buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";

const BROWSER_TESTS = "e2e/page.test.ts";

/**
 * The tests with real processes come last and alone: beside hundreds of others on two cores their
 * deadlines would measure the machine.
 */
const RUNS = [["node", "workers"], ["e2e"]];

const root = path.dirname(import.meta.dirname);
const results = mkdtempSync(path.join(tmpdir(), "guildhub-test-"));
let passed = 0;
let failed = 0;
let isInterrupted = false;

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
});

/** Counts one run; a file that could not even be loaded counts as a failed test. */
function count(file: string, exitCode: number): void {
  let report: z.infer<typeof Report>;
  try {
    report = Report.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    failed += exitCode === 0 ? 0 : 1;
    return;
  }
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failures = report.numFailedTests + broken;
  passed += report.numPassedTests;
  // Vitest also fails for what no test owns, such as an unhandled rejection.
  failed += failures === 0 && exitCode !== 0 ? 1 : failures;
}

function runVitest(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [path.join(root, "node_modules/vitest/vitest.mjs"), "run", ...args],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    );
    const pass = (signal: NodeJS.Signals): void => {
      isInterrupted = true;
      child.kill(signal);
    };
    const vanish = (): void => pass("SIGTERM");
    process.on("SIGINT", pass).on("SIGTERM", pass).on("SIGHUP", pass).on("disconnect", vanish);
    child.once("error", () => resolve(1));
    child.once("exit", (code) => {
      process.off("SIGINT", pass).off("SIGTERM", pass).off("SIGHUP", pass);
      process.off("disconnect", vanish);
      resolve(code ?? 1);
    });
  });
}

const browser = findChromium() ?? installChromium();
const exclude: string[] = [];
let note: string | undefined;
if (browser === undefined) {
  note = `No Chromium was found, so ${BROWSER_TESTS} did not run. Install one or set CHROMIUM_PATH.`;
  exclude.push("--exclude", BROWSER_TESTS);
  if (process.env["CI"] !== undefined) failed++;
}

try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
  for (const [index, projects] of RUNS.entries()) {
    if (isInterrupted) break;
    const file = path.join(results, `${index}.json`);
    const exitCode = await runVitest([
      ...projects.map((project) => `--project=${project}`),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
      "--passWithNoTests",
      ...exclude,
      ...process.argv.slice(2),
    ]);
    count(file, exitCode);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  failed++;
} finally {
  rmSync(results, { recursive: true, force: true });
}
if (isInterrupted) failed++;
if (note !== undefined) console.log(note);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
