import { readFile, readdir } from "node:fs/promises";

const PAGE_KIB = 4;

/** The CPU and memory of a process and all its descendants. */
export type Usage = { readonly cpuSeconds: number; readonly residentKib: number };

/** Reads the usage of a process tree from `/proc`. Threads that have ended are not counted. */
export async function usageOf(pid: number): Promise<Usage> {
  const pids = await treeOf(pid);
  const stats = await Promise.all(pids.map(readStat));
  const cpus = await Promise.all(pids.map(readCpuSeconds));
  return {
    cpuSeconds: sum(cpus),
    residentKib: sum(stats.map((stat) => stat.pages)) * PAGE_KIB,
  };
}

/**
 * The CPU time of all threads of a process. `/proc/<pid>/stat` has it in steps of 10 ms, which is a third of what a
 * thousand events take; the scheduler counts nanoseconds.
 */
async function readCpuSeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const nanoseconds = threads.map(async (thread) => {
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
    return Number(text.slice(0, text.indexOf(" ")));
  });
  return sum(await Promise.all(nanoseconds)) / 1e9;
}

/** A line of `/proc/<pid>/stat`, parsed. */
export function parseStat(line: string): { parent: number; pages: number } {
  // The name in brackets may contain anything, so fields are counted from its end.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), pages: Number(fields[21]) };
}

async function readStat(pid: number): Promise<ReturnType<typeof parseStat>> {
  return parseStat(await readFile(`/proc/${pid}/stat`, "utf8"));
}

async function treeOf(root: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of pids) {
    // A process may end while we read.
    const stat = await readStat(pid).catch(() => null);
    if (stat !== null) parents.set(pid, stat.parent);
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at === root) return true;
    }
    return false;
  };
  return [...parents.keys()].filter(isBelow);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * The bytes that the kernel holds between a server and each of its clients: sent and not yet read. It is the sum
 * of both buffers of a connection on this machine, by the client's port.
 */
export async function queuedBytes(serverPort: number): Promise<Map<number, number>> {
  const queued = new Map<number, number>();
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n").slice(1);
  for (const line of lines) {
    const [, local = "", remote = "", , queues = ""] = line.trim().split(/\s+/);
    const [send = 0, receive = 0] = queues.split(":").map((hex) => Number.parseInt(hex, 16));
    const [localPort, remotePort] = [portOf(local), portOf(remote)];
    if (localPort === serverPort) add(queued, remotePort, send);
    else if (remotePort === serverPort) add(queued, localPort, receive);
  }
  return queued;
}

function add(queued: Map<number, number>, port: number, bytes: number): void {
  queued.set(port, (queued.get(port) ?? 0) + bytes);
}

/** The port of an address in the kernel's format: `0100007F:1F90`. */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(":") + 1), 16);
}
