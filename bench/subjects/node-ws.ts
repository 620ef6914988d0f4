import { fileURLToPath } from "node:url";
import type { Identity } from "../identity.ts";
import { GUILD_ID } from "../plan.ts";
import { startServer } from "../processes.ts";
import type { Subject } from "./subject.ts";

/** The seed's own design: Node, `ws` and Hono. */
export function nodeWs(identity: Identity, secret: string): Subject {
  return {
    name: "node",
    label: "Node + ws + Hono (the seed's design)",
    start: async (folder) => {
      const { issuer, audience, jwksUrl } = identity;
      const settings = { issuer, audience, jwksUrl, secret, guildId: GUILD_ID };
      const script = fileURLToPath(import.meta.resolve("./node-ws-server.ts"));
      const server = await startServer(process.execPath, [script], {
        cwd: folder,
        env: { PATH: process.env["PATH"], SETTINGS: JSON.stringify(settings) },
      });
      return {
        ...server,
        entryOf: async (index) => ({
          port: server.port,
          path: "/ws",
          hello: JSON.stringify({ type: "auth", token: identity.tokenOf(index) }),
          greeting: '"auth.ok"',
        }),
      };
    },
  };
}
