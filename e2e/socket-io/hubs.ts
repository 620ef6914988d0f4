import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../dev/stack/ports.ts";
import { bundleModule } from "../../dev/workerd/worker-bundle.ts";
import { startWorkerd, type WorkerService } from "../../dev/workerd/workerd.ts";
import type { DeskServer } from "./desk-server.ts";

const HUBS_WORKER = fileURLToPath(import.meta.resolve("../../src/testing/hubs-worker.ts"));
const AROUND = fileURLToPath(import.meta.resolve("./hubs.worker.mjs"));

/** The name of the hub that everybody connects to. */
const DESK = "desk";

/**
 * Starts the hubs of the tests (`src/testing/hubs-worker.ts`) under plain workerd.
 */
export async function startHubs(): Promise<DeskServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-socket-io-"));
  const bundle = await bundleModule(HUBS_WORKER, path.join(folder, "bundle"));
  const [port = 0] = await freePorts(1);
  const service: WorkerService = {
    name: "hubs",
    module: AROUND,
    imports: { "bundle.js": bundle },
    compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
    bindings: [
      { name: "USER_HUB", objects: "UserHub" },
      { name: "SPACE_HUB", objects: "SpaceHub" },
      { name: "LIMITER", objects: "RateLimiter" },
    ],
    objects: ["UserHub", "SpaceHub", "RateLimiter"],
  };
  const start = () => startWorkerd(folder, [service], { port });
  let server = await start();
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    authOf: (sub) => ({ token: `${sub}@${DESK}` }),
    badAuth: { token: `@${DESK}` },
    staysAfterLeaving: false,
    kill: async () => {
      await server.kill();
      return async () => {
        server = await start();
      };
    },
    expel: async (sub) => {
      const response = await fetch(`${url}/expel?${new URLSearchParams({ sub })}`, {
        method: "POST",
      });
      if (!response.ok) throw new Error(`/expel was answered with ${response.status}`);
    },
    stop: async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
