import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";

const Report = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/** Runs vitest several times in a row, and adds up the numbers. */
export class VitestRuns {
  passed = 0;
  failed = 0;
  isInterrupted = false;
  /** The files and names of failed tests, repeated at the end, because a long log is read from its end. */
  readonly #failures: string[] = [];
  readonly #root: string;

  /** @param root the root folder of the repository */
  constructor(root: string) {
    this.#root = root;
  }

  /** Runs `vitest run` with these arguments, shows its output, and counts its tests. */
  async run(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<void> {
    const results = mkdtempSync(path.join(tmpdir(), "guildhub-test-"));
    const file = path.join(results, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    try {
      const exitCode = await this.#vitest([...args, ...reporters], environment);
      this.#count(file, exitCode);
    } finally {
      rmSync(results, { recursive: true, force: true });
    }
  }

  /** Prints the line of numbers that other programs read, and ends the process with the matching exit code. */
  finish(): never {
    if (this.isInterrupted) this.failed++;
    for (const failure of this.#failures) console.log(`Failed: ${failure}`);
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed === 0 ? 0 : 1);
  }

  /** Counts one run. A file that could not be loaded counts as a failed test. */
  #count(reportFile: string, exitCode: number): void {
    let report: z.infer<typeof Report>;
    try {
      report = Report.parse(JSON.parse(readFileSync(reportFile, "utf8")));
    } catch {
      this.failed += exitCode === 0 ? 0 : 1;
      return;
    }
    const failures = report.testResults.flatMap(({ name, status, assertionResults }) => {
      const file = path.relative(this.#root, name);
      const tests = assertionResults.filter((test) => test.status === "failed");
      if (tests.length === 0) return status === "failed" ? [file] : [];
      return tests.map(({ fullName }) => `${file} ${fullName}`);
    });
    // Vitest also fails for errors outside of tests, such as an unhandled rejection.
    if (failures.length === 0 && exitCode !== 0) failures.push("something outside of the tests");
    this.passed += report.numPassedTests;
    this.failed += failures.length;
    this.#failures.push(...failures);
  }

  #vitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
    return new Promise((resolve) => {
      const child = spawn(
        process.execPath,
        [path.join(this.#root, "node_modules/vitest/vitest.mjs"), "run", ...args],
        { cwd: this.#root, env, stdio: ["ignore", "inherit", "inherit"] },
      );
      const pass = (signal: NodeJS.Signals): void => {
        this.isInterrupted = true;
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
}
