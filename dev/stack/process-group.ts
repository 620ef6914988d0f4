import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** Lines that an error keeps of the beginning and of the end of a program's output. */
const EDGE_LINES = 20;

export type Command = {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
};

/** A process with all its descendants, as one process group that ends together. */
export type ProcessGroup = {
  readonly pid: number;
  /** Resolves when the leader has ended and the rest of its group is killed, with the way in which it ended. */
  readonly ended: Promise<string>;
  /** Sends SIGTERM, and kills after `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>;
};

/**
 * Starts a Node program in a process group of its own.
 * @param onLine called with each line of its output
 * @throws when it cannot be started
 */
export function startGroup(command: Command, onLine: (line: string) => void): ProcessGroup {
  const child = spawn(process.execPath, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`could not start ${command.args.join(" ")}`);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (line.trim() !== "") onLine(line);
    });
  }
  const ended = endOf(child).then((how) => {
    signalGroup(pid, "SIGKILL");
    return how;
  });
  return {
    pid,
    ended,
    stop: async (graceMs) => {
      signalGroup(pid, "SIGTERM");
      const timer = new AbortController();
      const kill = delay(graceMs, undefined, { signal: timer.signal })
        .then(() => signalGroup(pid, "SIGKILL"))
        .catch(() => {});
      await ended;
      timer.abort();
      await kill;
    },
  };
}

/** Sends a signal to all processes of a group. A group that has ended is no error. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) =>
      resolve(signal === null ? `exit code ${code}` : `killed by ${signal}`),
    );
  });
}

/**
 * Runs a Node program to its end. When the signal aborts, the program and all its descendants are ended.
 * @param failure the beginning of the error message
 * @throws with that and the program's output, when it fails
 */
export async function runOnce(
  failure: string,
  command: Command,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const lines: string[] = [];
  const group = startGroup(command, (line) => lines.push(line));
  const abort = (): void => void group.stop(2_000);
  signal?.addEventListener("abort", abort);
  const how = await group.ended;
  signal?.removeEventListener("abort", abort);
  signal?.throwIfAborted();
  if (how !== "exit code 0") throw new Error(`${failure} (${how}):\n${shortened(lines)}`);
}

/** Keeps both ends of the output: some tools print the error first, others last, with stacks in between. */
function shortened(lines: readonly string[]): string {
  if (lines.length <= 2 * EDGE_LINES) return lines.join("\n");
  return [...lines.slice(0, EDGE_LINES), "…", ...lines.slice(-EDGE_LINES)].join("\n");
}
