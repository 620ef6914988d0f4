import { fileURLToPath } from "node:url";
import type { Server } from "../../workerd/processes.ts";
import { bundleModule } from "../../workerd/worker-bundle.ts";
import { startWorkerd } from "../../workerd/workerd.ts";

/** What the hubs import from Node. */
const FLAGS = ["nodejs_compat"];

/** Bundles the hubs of accounts, whose clients call each other. @returns the bundle, an absolute path */
export function bundleUserHubs(folder: string): Promise<string> {
  const entry = fileURLToPath(import.meta.resolve("./user-hub.worker.mjs"));
  return bundleModule(entry, folder, FLAGS);
}

/**
 * Starts them under plain workerd.
 * @param module their bundle
 * @param folder for the files of the objects, which may be there from an earlier start
 * @param port 0: any free one
 */
export function startUserHubs(module: string, folder: string, port = 0): Promise<Server> {
  const objects = ["UserHub", "SpaceHub"];
  const bindings = [
    { name: "USER_HUB", objects: "UserHub" },
    { name: "SPACE_HUB", objects: "SpaceHub" },
  ];
  const service = { name: "hubs", module, compatibilityFlags: FLAGS, bindings, objects };
  return startWorkerd(folder, [service], { port });
}

/** Where a user connects to a hub. */
export function userHubUrl(port: number, hub: string, sub: string): URL {
  return new URL(`ws://127.0.0.1:${port}/${hub}?sub=${sub}`);
}
