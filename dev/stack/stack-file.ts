import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { z } from "zod";

/**
 * `stack.json` in the state folder: the running parts, for scripts and tests. It is removed when the stack ends.
 */
export const StackFile = z.object({
  /** Process id of the stack itself. */
  pid: z.number().int(),
  /** Whether the Worker's `/ready` has answered 200. */
  ready: z.boolean(),
  urls: z.record(z.string(), z.string()),
  /** Each pid leads a process group of its own. */
  parts: z.record(
    z.string(),
    z.object({ pid: z.number().int().optional(), restarts: z.number().int() }),
  ),
});
export type StackFile = z.infer<typeof StackFile>;

const fileIn = (stateDir: string): string => path.join(stateDir, "stack.json");

/**
 * Makes the state folder, and lets only this user into it, also if an earlier version left it open to others.
 * @throws with a sentence that names the variable
 */
export function makeStateDir(stateDir: string): void {
  try {
    makeFolder(stateDir);
    chmodSync(stateDir, 0o700);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const problem = `STATE_DIR: ${stateDir} cannot be the folder for the state (${why}). Name another one.`;
    throw new Error(problem, { cause: error });
  }
}

/** Like `mkdirSync` with `recursive`, which never returns for a folder such as `/proc/x`. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent);
  mkdirSync(folder);
}

/** Writes the file atomically: a reader gets the complete old or the complete new one. */
export function writeStackFile(stateDir: string, content: StackFile): void {
  mkdirSync(stateDir, { recursive: true });
  const file = fileIn(stateDir);
  writeFileSync(`${file}.new`, JSON.stringify(content, undefined, 2));
  renameSync(`${file}.new`, file);
}

/** Reads the file; undefined: there is none. */
export function readStackFile(stateDir: string): StackFile | undefined {
  try {
    return StackFile.parse(JSON.parse(readFileSync(fileIn(stateDir), "utf8")));
  } catch {
    return undefined;
  }
}

export function removeStackFile(stateDir: string): void {
  rmSync(fileIn(stateDir), { force: true });
}

/** Pid of a stack that uses this state folder now, because two stacks would corrupt each other's state. */
export function runningStack(stateDir: string): number | undefined {
  const pid = readStackFile(stateDir)?.pid;
  if (pid === undefined) return undefined;
  try {
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  const isOurs = !existsSync(commandLine) || readFileSync(commandLine, "utf8").includes("stack.ts");
  return isOurs ? pid : undefined;
}
