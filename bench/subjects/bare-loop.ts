import { fileURLToPath } from "node:url";
import { startWorkerd } from "../workerd.ts";
import type { Subject } from "./subject.ts";

/** A Durable Object that only loops over its sockets. */
export const bareLoop: Subject = {
  name: "bare",
  label: "bare Durable Object loop",
  start: async (folder) => {
    const server = await startWorkerd(folder, [
      {
        name: "loop",
        module: fileURLToPath(import.meta.resolve("./bare-loop.worker.mjs")),
        bindings: [{ name: "LOOP", objects: "BareLoop" }],
        objects: ["BareLoop"],
      },
    ]);
    return { ...server, entryOf: () => Promise.resolve({ port: server.port, path: "/ws" }) };
  },
};
