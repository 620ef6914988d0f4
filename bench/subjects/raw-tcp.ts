import { fileURLToPath } from "node:url";
import { silentClient } from "../load/client.ts";
import { startServer } from "../../dev/workerd/processes.ts";
import type { Subject } from "./subject.ts";

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
