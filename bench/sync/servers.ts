import { randomBytes } from "node:crypto";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Server } from "../../dev/workerd/processes.ts";
import { workerServices, type WorkerBundle } from "../../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../../dev/workerd/workerd.ts";
import { startScript } from "../subjects/peers.ts";

/** What the hubs of a server have done since it started; null: it has no hubs. */
export type Observed = {
  /** Rows written. Hubs: as the platform counts them, indexes included. The peer: rows changed. */
  readonly rows: number;
  /** How often a hub was called, made included. */
  readonly calls: number | null;
  /** How often a hub was made: for the first time, or because it woke. */
  readonly wakes: number | null;
  /** How often a hub set its alarm. */
  readonly alarms: number | null;
};

/** A started Happy server. Clients speak the same to all of them. */
export type SyncServer = Server & {
  /** @throws when it is not observed */
  readonly observe: () => Promise<Observed>;
};

/** Starts a server. @param folder for its files, empty */
export type StartSync = (folder: string) => Promise<SyncServer>;

/** The whole Worker under plain workerd, with one secret. @param isObserved count what its hubs do */
export function syncHub(bundle: WorkerBundle, isObserved: boolean): StartSync {
  const observer = fileURLToPath(import.meta.resolve("../subjects/observed-users.worker.mjs"));
  const around = isObserved ? [observer] : [];
  return async (folder) => {
    const services = workerServices(bundle, variables(), ...around);
    return observable(await startWorkerd(path.join(folder, "workerd"), services));
  };
}

/** Node, Socket.IO and SQLite in one process. */
export const syncPeer: StartSync = async (folder) => {
  const script = import.meta.resolve("../subjects/happy-server.ts");
  return observable(await startScript(script, folder, variables()));
};

function variables(): Record<string, string> {
  return { HAPPY_MASTER_SECRET: randomBytes(32).toString("hex") };
}

function observable(server: Server): SyncServer {
  return {
    ...server,
    observe: async () => {
      const url = `http://127.0.0.1:${server.port}/observed`;
      // Minutes pass between two requests, which no server keeps a connection for.
      const response = await fetch(url, { headers: { Connection: "close" } });
      if (!response.ok) throw new Error(`not observed: ${response.status}`);
      return (await response.json()) as Observed;
    },
  };
}
