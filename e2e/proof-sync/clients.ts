import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, open, readFile, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import path from "node:path";
import { eventually } from "../../dev/testing/eventually.ts";
import { runToEnd } from "./processes.ts";

/** How long npm may take, milliseconds. */
const INSTALL_MS = 300_000;
/** How long to wait for a run that installs at the same time, milliseconds. */
const WAIT_MS = INSTALL_MS + 30_000;
/** What npm installs from. The lock file also fixes what the clients themselves depend on. */
const MANIFEST = ["package.json", "package-lock.json"] as const;

const cache = path.join(
  process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"),
  "guildhub/proof-sync",
);
const lockFile = readFileSync(path.join(import.meta.dirname, "package-lock.json"));
const folder = path.join(cache, createHash("sha256").update(lockFile).digest("hex").slice(0, 16));

/** Where the packages are, with the clients and what they depend on. */
export const PACKAGES = path.join(folder, "node_modules");

/** A published command-line client. */
export type Client = {
  readonly name: string;
  /** Its program, an absolute path. */
  readonly program: string;
  /** What it exports to other programs, an absolute path. */
  readonly library: string;
  /** It sends and fetches messages by `/v3/sessions/:id/messages`, and names itself in `X-Happy-Client`. */
  readonly isCurrent: boolean;
};

/** The older one, which sends messages over its socket. */
export const OLDER = clientOf("happy-coder", "0.13.0", false);
/** The current one. */
export const CURRENT = clientOf("happy", "1.2.5", true);
/** All of them. */
export const CLIENTS: readonly Client[] = [CURRENT, OLDER];

function clientOf(name: string, version: string, isCurrent: boolean): Client {
  const root = path.join(PACKAGES, name);
  return {
    name: `${name}@${version}`,
    program: path.join(root, "bin/happy.mjs"),
    library: path.join(root, "dist/lib.mjs"),
    isCurrent,
  };
}

/** Loads a package that was installed with the clients. @throws when {@link installClients} has not run */
export function loadWithClients(name: string): unknown {
  return createRequire(path.join(folder, "package.json"))(name);
}

/**
 * Installs the clients in the user's cache, 700 MB, unless they are there.
 * Scripts of packages do not run, and optional packages are left out: one of them is the agent itself.
 * @throws with the output of npm
 */
export async function installClients(): Promise<void> {
  if (await isThere(folder)) return;
  await mkdir(cache, { recursive: true });
  const release = await lock(`${folder}.lock`);
  try {
    if (await isThere(folder)) return;
    console.log(`Installing the clients of the proof in ${folder}`);
    const unfinished = await mkdtemp(`${folder}-`);
    try {
      for (const name of MANIFEST) {
        await copyFile(path.join(import.meta.dirname, name), path.join(unfinished, name));
      }
      const options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"];
      const install = ["install", ...options, "--loglevel=error", "--prefix", unfinished];
      const { code, output } = await runToEnd("npm", install, {
        cwd: unfinished,
        env: process.env,
        deadlineMs: INSTALL_MS,
      });
      if (code !== 0) throw new Error(`npm cannot install the clients: ${output}`);
      // Whoever took over a lock from a run that had ended may have been faster.
      await rename(unfinished, folder).catch(async (error: unknown) => {
        if (!(await isThere(folder))) throw error;
      });
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  } finally {
    await release();
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Takes a lock that ends with its process. @returns releases it */
async function lock(file: string): Promise<() => Promise<void>> {
  return eventually(
    "the clients are not being installed by another run",
    async () => {
      const owner = await readFile(file, "utf8").catch(() => null);
      if (owner !== null && !isRunning(Number(owner))) await rm(file, { force: true });
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(file, { force: true });
    },
    WAIT_MS,
  );
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
