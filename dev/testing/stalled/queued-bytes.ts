import { readFile } from "node:fs/promises";

/**
 * What the kernel holds between a server and each of its clients: sent and not yet read. Both buffers of
 * a connection on this machine, by the client's port.
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

/** Of an address as the kernel writes it: `0100007F:1F90`. */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(":") + 1), 16);
}
