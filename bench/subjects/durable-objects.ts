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
  start: starting(fileURLToPath(import.meta.resolve("./bare-loop.worker.mjs")), "LOOP", "BareLoop"),
};

/** partyserver with hibernation. @param module its bundle, an absolute path */
export function party(module: string): Subject {
  return {
    name: "party",
    label: "partyserver",
    remembers: "nothing",
    start: starting(module, "PARTY", "Party"),
  };
}

/** How a Worker with one class of objects, which counts its calls, is started. */
function starting(module: string, binding: string, objects: string): Subject["start"] {
  return async (folder, { port = 0 } = {}) => {
    const service = {
      name: binding.toLowerCase(),
      module,
      bindings: [{ name: binding, objects }],
      objects: [objects],
    };
    const server = await startWorkerd(folder, [service], { port });
    const entry = { port: server.port, path: "/ws" };
    return {
      ...server,
      clientOf: () => silentClient(() => Promise.resolve(entry), PING_FRAME),
      calls: () => countAt(server.port, "/calls"),
    };
  };
}
