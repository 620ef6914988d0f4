// The program behind `npm run proof:discord`, `npm run proof:page`, `npm run proof:socket-io` and `npm run proof:sync`
// (dev/run.mjs): installs the external software that a proof needs, and runs its tests. The last line is
// `N passed, N failed`.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { findChromium, installChromium } from "../dev/chromium.ts";
import { buildPage, DEPLOYED_PAGE } from "../dev/stack/prepare.ts";
import { VitestRuns } from "../dev/vitest-runs.ts";
import { PYTHON } from "./proof-discord/library.ts";
import { installClients } from "./proof-sync/clients.ts";

const INSTALL_DEADLINE_MS = 300_000;
const root = path.dirname(import.meta.dirname);

/** Variables for the tests of a proof. */
type Variables = Readonly<Record<string, string>>;

/** What has to be there for each proof. */
const PROOFS: Readonly<Record<string, () => Variables | Promise<Variables>>> = {
  /** Discord's own specification and gateway libraries check the local Discord and what we send to it. */
  discord: () => ({ ...installPackages(), ...preparePython("discord") }),
  /** Lighthouse rates the page in a browser. */
  page: () => ({ ...installPackages(), ...prepareChromium() }),
  /** Clients of Socket.IO connect to our hubs. */
  "socket-io": () => ({
    ...installPackages(),
    ...prepareChromium(),
    ...preparePython("socketio", "aiohttp"),
  }),
  /** Happy's clients use the Worker. */
  sync: async () => {
    await installClients();
    return {};
  },
};

const [name = "", ...filters] = process.argv.slice(2);
/** Has the tests, a `package.json` and its lock file. */
const folder = path.join(import.meta.dirname, `proof-${name}`);
const runs = new VitestRuns(root);
try {
  const environment = await (PROOFS[name] ?? unknownProof)();
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

function unknownProof(): never {
  throw new Error(`There is no proof "${name}", but ${Object.keys(PROOFS).join(", ")}`);
}

/** Installs the packages of the proof, in its folder. @throws with npm's output */
function installPackages(): Variables {
  const failure = attempt("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  if (failure !== null) throw new Error(`npm ci in e2e/proof-${name} failed:\n${failure}`);
  return {};
}

/** @throws when no browser is found */
function prepareChromium(): Variables {
  if ((findChromium() ?? installChromium()) !== undefined) return {};
  throw new Error("No Chromium was found. Install one or set CHROMIUM_PATH.");
}

/**
 * Prepares a Python library and what it works with, which are packages of Debian.
 * @param modules the names under which Python imports them
 * @returns the variable that says why they are not available here; empty: they are
 */
function preparePython(...modules: readonly [string, ...string[]]): Variables {
  const skipped = installPython(modules);
  if (skipped === null) return {};
  console.log(`Skipped: python3-${modules[0]}. ${skipped}`);
  return { [`WITHOUT_PYTHON_${modules[0].toUpperCase()}`]: skipped };
}

/** @returns why the modules are not available here; null: they are available */
function installPython(modules: readonly string[]): string | null {
  const missing = () => attempt(PYTHON, "-c", `import ${modules.join(", ")}`);
  if (missing() === null) return null;
  const packages = modules.map((module) => `python3-${module}`);
  const names = packages.join(" and ");
  if (process.getuid?.() !== 0)
    return `Not all of ${names} are installed, and only root may install them`;
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  const refused = attempt("apt-get", ...install);
  if (refused !== null && attempt("apt-get", "update") === null) attempt("apt-get", ...install);
  return missing() === null ? null : `apt-get cannot install ${names}: ${refused ?? ""}`;
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
