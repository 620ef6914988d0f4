// The program behind `npm run proof:discord` and `npm run proof:page` (dev/run.mjs): installs the external
// software that a proof needs, and runs its tests. The last line is `N passed, N failed`.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { findChromium, installChromium } from "../dev/chromium.ts";
import { buildPage, DEPLOYED_PAGE } from "../dev/stack/prepare.ts";
import { VitestRuns } from "../dev/vitest-runs.ts";
import { PYTHON } from "./proof-discord/library.ts";

const INSTALL_DEADLINE_MS = 300_000;
const root = path.dirname(import.meta.dirname);

const [name = "", ...filters] = process.argv.slice(2);
/** Has the tests, a `package.json` and its lock file. */
const folder = path.join(import.meta.dirname, `proof-${name}`);
const runs = new VitestRuns(root);
try {
  const environment = name === "page" ? prepareLighthouse() : prepareLibraries();
  const failure = attempt("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  if (failure !== null) throw new Error(`npm ci in e2e/proof-${name} failed:\n${failure}`);
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
  await runs.run(["--project=proof", `e2e/proof-${name}/`, ...filters], {
    ...process.env,
    ...environment,
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  runs.failed++;
}
runs.finish();

/** Lighthouse rates the page in a browser. @throws when none is found */
function prepareLighthouse(): Readonly<Record<string, string>> {
  if ((findChromium() ?? installChromium()) !== undefined) return {};
  throw new Error("No Chromium was found. Install one or set CHROMIUM_PATH.");
}

/**
 * Discord's own specification and independent gateway libraries check the local Discord and what we send to it.
 * One of the libraries is a package of Debian.
 * @returns the variable that says why that one is not available here; empty: it is
 */
function prepareLibraries(): Readonly<Record<string, string>> {
  const skipped = installPythonLibrary();
  if (skipped === null) return {};
  console.log(`Skipped: python3-discord on the local gateway. ${skipped}`);
  return { WITHOUT_PYTHON_DISCORD: skipped };
}

/** @returns why python3-discord is not available here; null: it is available */
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

/**
 * Runs a program in the folder of the proof.
 * @returns its output if it failed, else null
 */
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
