import { spawnSync } from "node:child_process";
import path from "node:path";
import { buildPage, DEPLOYED_PAGE } from "../dev/stack/prepare.ts";
import { VitestRuns } from "../dev/vitest-runs.ts";

const INSTALL_DEADLINE_MS = 300_000;
const root = path.dirname(import.meta.dirname);

/**
 * Runs a program.
 * @returns its output if it failed, else null
 */
export function attempt(
  folder: string,
  command: string,
  ...args: readonly string[]
): string | null {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: INSTALL_DEADLINE_MS,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status === 0) return null;
  return error?.message ?? `${stdout}${stderr}`.trim().split("\n").slice(-5).join("\n");
}

/**
 * Runs the tests of a proof with the external software that they need, and ends the process. The last line
 * is `N passed, N failed`.
 * @param folder contains the tests, a `package.json` and its lock file
 * @param environment of the tests
 */
export async function runProof(
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<never> {
  const runs = new VitestRuns(root);
  const failure = attempt(folder, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  if (failure !== null) {
    console.error(`npm ci in ${path.relative(root, folder)} failed:\n${failure}`);
    runs.failed++;
    return runs.finish();
  }
  try {
    await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
    const tests = path.relative(root, folder);
    await runs.run(["--project=proof", `${tests}/`, ...process.argv.slice(2)], {
      ...process.env,
      ...environment,
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    runs.failed++;
  }
  return runs.finish();
}
