import { fileURLToPath } from "node:url";
import type { Identity } from "../../dev/testing/identity.ts";
import { silentClient } from "../load/client.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import { AUTHENTICATED } from "../load/guild-client.ts";
import { PLAN } from "../plan.ts";
import { startServer } from "../../dev/workerd/processes.ts";
import { settingsEnvironment } from "./node-settings.ts";
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
