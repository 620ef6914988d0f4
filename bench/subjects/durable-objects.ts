import { fileURLToPath } from "node:url";
import { startWorkerd } from "../../dev/workerd/workerd.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import { silentClient } from "../load/client.ts";
import { countAt, type Subject } from "./subject.ts";

/** A Durable Object that only loops over its sockets. */
export const bareLoop: Subject = {
  name: "bare",
  label: "bare Durable Object loop",
  remembers: "nothing",
  start: async (folder, { port = 0 } = {}) => {
    const service = {
      name: "loop",
      module: fileURLToPath(import.meta.resolve("./bare-loop.worker.mjs")),
      bindings: [{ name: "LOOP", objects: "BareLoop" }],
      objects: ["BareLoop"],
    };
    const server = await startWorkerd(folder, [service], { port });
    const entry = { port: server.port, path: "/ws" };
    return {
      ...server,
      clientOf: () => silentClient(() => Promise.resolve(entry), PING_FRAME),
      calls: () => countAt(server.port, "/calls"),
    };
  },
};

/** partyserver with hibernation. @param module its bundle, an absolute path */
export function party(module: string): Subject {
  return {
    name: "party",
    label: "partyserver",
    remembers: "nothing",
    start: async (folder, { port = 0 } = {}) => {
      const service = {
        name: "party",
        module,
        bindings: [{ name: "PARTY", objects: "Party" }],
        objects: ["Party"],
      };
      const server = await startWorkerd(folder, [service], { port });
      const entry = { port: server.port, path: "/ws" };
      return {
        ...server,
        clientOf: () => silentClient(() => Promise.resolve(entry), PING_FRAME),
        calls: () => countAt(server.port, "/calls"),
      };
    },
  };
}
