// `npm start`: installs missing packages and runs the stack (dev/stack.ts).
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm start
  Starts everything on this machine and says where it is; Ctrl-C stops it. Needs no account.
  Variables, from the environment or .dev.vars (.dev.vars.example explains all of them):
    WORKER_PORT (8787), IDP_PORT (8788), DISCORD_PORT (8789), GATEWAY_PORT (8790),
    FACEIT_PORT (8791), VOICE_PORT (8792)   other ports
    STATE_DIR   another folder for the state; a second stack needs one and ports of its own
    VERBOSE=1   shows everything that the parts say`);

ensureInstalled();

/**
 * Process groups of the running parts. The stack ends them itself, unless it is killed; then this list is used.
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
        // The group has ended already, as it should.
      }
    }
  },
);
