import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { runMemory } from "./memory.ts";
import { PLAN } from "./plan.ts";
import type { StartOptions, Subject } from "./subjects/subject.ts";

const servers: WebSocketServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, "close");
  }
});

/** A server in this process. @param counts gets the sockets that it had so far, at each collection of garbage */
function subject(counts: number[], closes = false): Subject {
  return {
    name: "bare",
    label: "a server",
    remembers: "nothing",
    canCollect: true,
    start: async (_folder, { collects }: StartOptions = {}) => {
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      servers.push(server);
      await once(server, "listening");
      let opened = 0;
      server.on("connection", (socket) => {
        opened += 1;
        if (closes) socket.close(1013);
      });
      const { port } = server.address() as AddressInfo;
      return {
        pid: process.pid,
        port,
        stop: () => Promise.resolve(),
        kill: () => Promise.resolve(),
        clientOf: () => ({ entry: () => ({ port, path: "/" }) }),
        ...(collects === true ? { collect: async () => counts.push(opened) } : {}),
      };
    },
  };
}

const SMALL = { first: 2, all: 4, settleMs: 0 };

test("memory is read without sockets, with some and with all, each time after a collection", async () => {
  const counts: number[] = [];
  const [trial] = await runMemory([subject(counts)], "", { first: 3, all: 10, settleMs: 0 });
  const warm = PLAN.warmUpSockets;
  expect(counts).toEqual([warm, warm + 3, warm + 10]);
  expect(trial).toMatchObject({ subject: "bare", faults: [] });
  for (const kib of [trial?.first, trial?.further, trial?.collected]) expect(kib).not.toBeNaN();
});

test("a server that cannot collect its garbage is measured once", async () => {
  const { canCollect: _, ...without } = subject([]);
  const [trial] = await runMemory([without], "", SMALL);
  expect(trial?.collected).toBeNull();
  expect(servers).toHaveLength(1);
});

test("a socket that does not stay makes the run void", async () => {
  const [trial] = await runMemory([subject([], true)], "", SMALL);
  expect(trial?.faults).not.toEqual([]);
});
