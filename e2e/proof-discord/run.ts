// What `npm run proof:discord` runs (dev/proof-discord.mjs): Discord's own specification and gateway
// libraries that nobody here wrote judge the local Discord and what we send to it.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { buildPage, DEPLOYED_PAGE } from "../../dev/stack/prepare.ts";
import { VitestRuns } from "../../dev/vitest-runs.ts";
import { PYTHON } from "./library.ts";

const INSTALL_DEADLINE_MS = 120_000;
const folder = import.meta.dirname;
const root = path.dirname(path.dirname(folder));

/** Runs a program. @returns what it said when it failed, else null */
function attempt(command: string, ...args: readonly string[]): string | null {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: INSTALL_DEADLINE_MS,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status === 0) return null;
  return error?.message ?? `${stdout}${stderr}`.trim().split("\n").slice(-5).join("\n");
}

/** Why python3-discord cannot be had here; null: it is there. */
function installPythonLibrary(): string | null {
  const missing = () => attempt(PYTHON, "-c", "import discord");
  if (missing() === null) return null;
  if (process.getuid?.() !== 0)
    return "python3-discord is not installed, and only root may install it";
  const install = ["install", "-y", "--no-install-recommends", "python3-discord"];
  const refused = attempt("apt-get", ...install);
  if (refused !== null && attempt("apt-get", "update") === null) attempt("apt-get", ...install);
  return missing() === null ? null : `apt-get cannot install python3-discord: ${refused ?? ""}`;
}

const runs = new VitestRuns(root);
const failure = attempt("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
if (failure !== null) {
  console.error(`npm ci in e2e/proof-discord failed:\n${failure}`);
  runs.failed++;
  runs.finish();
}
const skipped = installPythonLibrary();
try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
  await runs.run(["--project=proof", ...process.argv.slice(2)], {
    ...process.env,
    ...(skipped === null ? {} : { WITHOUT_PYTHON_DISCORD: skipped }),
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  runs.failed++;
}
if (skipped !== null) console.log(`Skipped: python3-discord on the local gateway. ${skipped}`);
runs.finish();
