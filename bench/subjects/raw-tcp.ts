import { fileURLToPath } from "node:url";
import { startServer } from "../processes.ts";
import type { Subject } from "./subject.ts";

/** What shows the ceiling of the load generator. */
export const rawTcp: Subject = {
  name: "ceiling",
  label: "load generator's ceiling (raw TCP writes)",
  start: async (folder) => {
    const script = fileURLToPath(import.meta.resolve("./raw-tcp-server.ts"));
    const server = await startServer(process.execPath, [script], { cwd: folder });
    return { ...server, entryOf: () => Promise.resolve({ port: server.port, path: "/ws" }) };
  },
};
