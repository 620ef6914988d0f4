// The first steps of `npm start`, `npm test` and `npm run check`. Plain JavaScript without dependencies, because
// it must run on Node 20 and before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stop } from "./usage.mjs";

/** The root folder of the repository. */
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** The oldest Node that runs npm here. */
const OLDEST_NODE = [20, 0];
/** The oldest Node that runs the TypeScript of this repository without a build, and has `node:sqlite`. */
const OLDEST_MODERN_NODE = [22, 18];

/** @param {string} version @param {number[]} oldest */
function isAtLeast(version, oldest) {
  const parts = version.replace(/^v/, "").split(".").map(Number);
  return parts[0] > oldest[0] || (parts[0] === oldest[0] && parts[1] >= oldest[1]);
}

/**
 * Whether node_modules has the versions of package-lock.json. It compares versions, not times, so a fresh checkout
 * of the same lock file installs nothing.
 */
function isInstalled() {
  const read = (/** @type {string} */ file) => {
    try {
      return JSON.parse(readFileSync(path.join(ROOT, file), "utf8")).packages;
    } catch {
      return undefined;
    }
  };
  const wanted = read("package-lock.json");
  const present = read("node_modules/.package-lock.json");
  if (present === undefined) return false;
  if (wanted === undefined) return true;
  return Object.entries(wanted).every(([folder, entry]) => {
    if (folder === "" || entry.optional === true || entry.devOptional === true) return true;
    return present[folder]?.version === entry.version && existsSync(path.join(ROOT, folder));
  });
}

/** Installs missing packages: `npm ci`, or `npm install` without a lock file. */
export function ensureInstalled() {
  if (!isAtLeast(process.versions.node, OLDEST_NODE)) {
    stop(`GuildHub needs Node ${OLDEST_NODE[0]} or newer; this is ${process.versions.node}.`);
  }
  if (isInstalled()) return;
  const command = existsSync(path.join(ROOT, "package-lock.json")) ? "ci" : "install";
  process.stderr.write(
    `Installing packages (npm ${command}), once; this takes a minute or two …\n`,
  );
  const options = ["--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const result = spawnSync("npm", [command, ...options, "--loglevel=error"], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  if (result.status !== 0) {
    stop(`npm ${command} failed. Its output is above; run it again when the problem is solved.`);
  }
}

/** Path of a Node that runs TypeScript: the installed one, else the system's. */
function modernNode() {
  const installed = path.join(ROOT, "node_modules", ".bin", "node");
  if (existsSync(installed)) return installed;
  if (isAtLeast(process.versions.node, OLDEST_MODERN_NODE)) return process.execPath;
  return stop(
    `No Node 24 is published for this system as an npm package, so yours runs everything. It is ` +
      `${process.versions.node}; GuildHub needs ${OLDEST_MODERN_NODE.join(".")} or newer.`,
  );
}

/** Environment in which npm's own Node and the installed tools come first. */
function toolEnvironment() {
  const bin = path.join(ROOT, "node_modules", ".bin");
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ""}` };
}

/**
 * Runs a TypeScript program of this repository and ends with its exit code. The program has a process group of its
 * own, so only this process gets Ctrl-C; it passes it on, and the program gets it once. When this process dies,
 * the program notices that the channel to it is closed.
 * @param {string} file path from the root folder
 * @param {(message: unknown) => void} [onMessage] gets messages that the program sends over the channel
 * @param {() => void} [onEnd] called when it has ended, before this process ends
 */
export function handOver(file, onMessage, onEnd) {
  const child = spawn(modernNode(), [path.join(ROOT, file), ...process.argv.slice(2)], {
    cwd: ROOT,
    env: toolEnvironment(),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
  });
  const pass = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, pass);
  if (onMessage !== undefined) child.on("message", onMessage);
  watchNpm(() => pass("SIGTERM"));
  child.on("error", (error) => stop(`${file} could not start: ${error.message}`));
  child.on("exit", (code, signal) => {
    onEnd?.();
    process.exit(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9));
  });
}

/**
 * npm passes most signals on, but it can be killed. Then this process, or the shell in which npm started it, has
 * another parent. A process that was started by hand (`node dev/start.mjs &`) may outlive its shell, so it is not
 * watched.
 * @param {() => void} onGone
 */
function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const ancestors = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const before = ancestors();
  setInterval(() => ancestors() !== before && onGone(), 1000).unref();
}

/** Parent of another process; undefined without /proc. @param {number} pid */
function parentOf(pid) {
  try {
    return /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
