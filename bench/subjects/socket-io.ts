import { fileURLToPath } from "node:url";
import type { Identity } from "../../dev/testing/identity.ts";
import { SocketIoClient } from "../load/socket-io-client.ts";
import { PLAN } from "../plan.ts";
import { startServer } from "../../dev/workerd/processes.ts";
import { settingsEnvironment } from "./node-settings.ts";
import type { Subject } from "./subject.ts";

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
