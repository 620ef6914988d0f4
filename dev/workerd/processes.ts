import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

/** How long a server may take to announce its ports, milliseconds. */
const DEADLINE_MS = 120_000;
/** How long a process may take to end by itself, milliseconds. workerd may drain its connections forever. */
const STOP_MS = 300;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server process and the port that it listens on. */
export type Server = {
  readonly pid: number;
  readonly port: number;
  /** Ports of all its sockets, by name. */
  readonly ports: ReadonlyMap<string, number>;
  /** Ends it with SIGTERM, and with SIGKILL after {@link STOP_MS}. */
  readonly stop: () => Promise<void>;
  /** Ends it with SIGKILL. */
  readonly kill: () => Promise<void>;
};

/** The socket that requests go to. */
export const HTTP_SOCKET = "http";

/**
 * Starts a server that announces its ports as workerd does (`--control-fd=3`).
 * @throws with its stderr when it ends or announces no port in time
 */
export async function startServer(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env?: NodeJS.ProcessEnv;
    /** Names of the sockets that the server announces besides {@link HTTP_SOCKET}. */
    readonly sockets?: readonly string[];
    /** Gets the server's standard output in pieces. */
    readonly onOutput?: (text: string) => void;
  },
): Promise<Server> {
  const { sockets = [], onOutput, ...spawned } = options;
  const output = onOutput === undefined ? "ignore" : "pipe";
  const stdio: StdioOptions = ["ignore", output, "pipe", "pipe"];
  const child = spawn(command, args, { ...spawned, stdio });
  child.stdout?.on("data", (chunk: Buffer) => onOutput?.(chunk.toString()));
  running.add(child);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000);
  });
  const exited = once(child, "exit").finally(() => running.delete(child));
  const ports = await readPorts(child.stdio[3] as Readable, 1 + sockets.length);
  const port = ports.get(HTTP_SOCKET);
  const { pid } = child;
  if (port === undefined || pid === undefined) {
    child.kill("SIGKILL");
    await exited;
    throw new Error(`${command} ${args.join(" ")} did not start: ${errors}`);
  }
  return {
    pid,
    port,
    ports,
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    stop: async () => {
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(force);
    },
  };
}

/** @returns fewer than `count` when the process ended or did not announce all in time */
async function readPorts(control: Readable, count: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  let text = "";
  const timer = setTimeout(() => control.destroy(), DEADLINE_MS);
  try {
    for await (const chunk of control as AsyncIterable<Buffer>) {
      text += chunk.toString();
      for (const [, name = "", port] of text.matchAll(/"socket":"(\w+)","port":(\d+)/g)) {
        ports.set(name, Number(port));
      }
      if (ports.size >= count) break;
    }
  } catch {
    // The timer destroyed the stream: return the ports that were announced so far.
  } finally {
    clearTimeout(timer);
  }
  return ports;
}
