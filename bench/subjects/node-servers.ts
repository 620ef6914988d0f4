import { fileURLToPath } from "node:url";
import type { Identity } from "../../dev/testing/identity.ts";
import { startServer } from "../../dev/workerd/processes.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import { silentClient } from "../load/client.ts";
import { AUTHENTICATED } from "../load/guild-client.ts";
import { SocketIoClient } from "../load/socket-io-client.ts";
import { PLAN } from "../plan.ts";
import { settingsEnvironment } from "./node-app.ts";
import type { Subject } from "./subject.ts";

/** The seed's own design: Node, `ws` and Hono. */
export function nodeWs(identity: Identity, secret: string): Subject {
  return {
    name: "node",
    label: "Node + ws + Hono (the seed's design)",
    remembers: "nothing",
    start: async (folder, { port = 0 } = {}) => {
      const script = fileURLToPath(import.meta.resolve("./node-ws-server.ts"));
      const own = { port, secret, recovery: false, pingMs: PLAN.idlePingMs };
      const env = settingsEnvironment(identity, own);
      const server = await startServer(process.execPath, [script], { cwd: folder, env });
      return {
        ...server,
        clientOf: (index) => {
          const hello = JSON.stringify({ type: "auth", token: identity.tokenOf(index) });
          const entry = { port: server.port, path: "/ws", hello, greeting: AUTHENTICATED };
          return silentClient(() => Promise.resolve(entry), PING_FRAME);
        },
      };
    },
  };
}

/** What shows the ceiling of the load generator. */
export const rawTcp: Subject = {
  name: "ceiling",
  label: "load generator's ceiling (raw TCP writes)",
  remembers: "nothing",
  start: async (folder) => {
    const script = fileURLToPath(import.meta.resolve("./raw-tcp-server.ts"));
    const server = await startServer(process.execPath, [script], { cwd: folder });
    const entry = { port: server.port, path: "/ws" };
    return { ...server, clientOf: () => silentClient(() => Promise.resolve(entry)) };
  },
};

/** Socket.IO, whose clients take and answer its own text protocol. */
export function socketIo(identity: Identity, secret: string): Subject {
  return {
    name: "socket-io",
    label: "Socket.IO",
    remembers: "in its process",
    start: async (folder, { port = 0, recovery = false } = {}) => {
      const script = fileURLToPath(import.meta.resolve("./socket-io-server.ts"));
      const own = { port, secret, recovery, pingMs: PLAN.idlePingMs };
      const env = settingsEnvironment(identity, own);
      const server = await startServer(process.execPath, [script], { cwd: folder, env });
      return {
        ...server,
        clientOf: (index) => new SocketIoClient(server.port, identity.tokenOf(index), recovery),
      };
    },
  };
}
