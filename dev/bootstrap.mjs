// What `npm start`, `npm test` and `npm run check` do before anything else. Plain JavaScript without
// dependencies, because it has to run on Node 20 and before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stop } from "./usage.mjs";

/** The repository's top folder. */
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** The oldest Node that runs npm here. */
const OLDEST_NODE = [20, 0];
/** The oldest Node that runs the TypeScript of this repository as it is, with `node:sqlite`. */
const OLDEST_MODERN_NODE = [22, 18];

/** @param {string} version @param {number[]} oldest */
function isAtLeast(version, oldest) {
  const parts = version.replace(/^v/, "").split(".").map(Number);
  return parts[0] > oldest[0] || (parts[0] === oldest[0] && parts[1] >= oldest[1]);
}

/**
 * Whether node_modules holds what package-lock.json asks for. Compares versions, not times, so that
 * a fresh checkout of the same lock file installs nothing.
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

/** Installs what is missing: `npm ci`, or `npm install` where there is no lock file. */
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
    stop(`npm ${command} failed. What it said is above; run it again when that is solved.`);
  }
}

/** Path of a Node that runs TypeScript as it is: the installed one, else the system's. */
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
 * Runs a TypeScript program of this repository and ends as it ends. It lives in a process group of
 * its own: only this process hears Ctrl-C and passes it on, so nobody is asked twice. When this
 * process vanishes, the program notices that the channel to it has closed.
 * @param {string} file path from the top folder
 * @param {(message: unknown) => void} [onMessage] what the program tells over the channel
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
 * npm passes most signals on, but it can be killed: then this process, or the shell that npm started
 * it with, belongs to another parent. Started by hand (`node dev/start.mjs &`) it may outlive its
 * shell, so that is left alone.
 * @param {() => void} onGone
 */
function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const ancestors = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const before = ancestors();
  setInterval(() => ancestors() !== before && onGone(), 1000).unref();
}

/** Parent of another process; undefined where there is no /proc. @param {number} pid */
function parentOf(pid) {
  try {
    return /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
