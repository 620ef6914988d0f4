import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { DEADLINE_MS } from "./plan.ts";

/** How long a process may take to end by itself, milliseconds: workerd drains for ever. */
const STOP_MS = 300;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server process and the port that it listens on. */
export type Server = {
  readonly pid: number;
  readonly port: number;
  readonly stop: () => Promise<void>;
};

/**
 * Starts a server that announces its port as workerd does (`--control-fd=3`).
 * @throws with what it wrote to stderr when it ends before
 */
export async function startServer(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Server> {
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe"];
  const child = spawn(command, args, { ...options, stdio });
  running.add(child);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000);
  });
  const exited = once(child, "exit").finally(() => running.delete(child));
  const port = await readPort(child.stdio[3] as Readable);
  const { pid } = child;
  if (port === null || pid === undefined) {
    child.kill("SIGKILL");
    await exited;
    throw new Error(`${command} ${args.join(" ")} did not start: ${errors}`);
  }
  return {
    pid,
    port,
    stop: async () => {
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(force);
    },
  };
}

/** @returns null when the process ended or said nothing for too long */
async function readPort(control: Readable): Promise<number | null> {
  let text = "";
  const timer = setTimeout(() => control.destroy(), DEADLINE_MS);
  try {
    for await (const chunk of control as AsyncIterable<Buffer>) {
      text += chunk.toString();
      const port = /"socket":"http","port":(\d+)/.exec(text)?.[1];
      if (port !== undefined) return Number(port);
    }
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
  return null;
}

/** Runs a program to its end. @throws with its output when it fails */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = (await once(child, "exit")) as [number | null];
  running.delete(child);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${output}`);
  return output;
}
