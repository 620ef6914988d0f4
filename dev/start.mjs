// `npm start`: installs what is missing and hands over to the stack (dev/stack.ts).
import { ensureInstalled, handOver } from "./bootstrap.mjs";

ensureInstalled();

/**
 * Process groups of the running parts. The stack ends them itself; this list is for the case that
 * the stack is killed and cannot.
 * @type {number[]}
 */
let groups = [];

handOver(
  "dev/stack.ts",
  (message) => {
    if (Array.isArray(message?.groups)) groups = message.groups;
  },
  () => {
    for (const group of groups) {
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // Already gone, as it should be.
      }
    }
  },
);
