import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePorts } from "../../dev/stack/ports.ts";
import { startServer, type Server } from "../../dev/workerd/processes.ts";
import { bundleWorker, workerServices } from "../../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../../dev/workerd/workerd.ts";

/**
 * Another server to judge, as a Node program: it listens on `PORT`, stores in `SERVER_FOLDER`, and announces its port as
 * `dev/workerd/processes.ts` says.
 */
const OTHER_SERVER = process.env["SYNC_SERVER_PROGRAM"];

/** The server under proof. */
export type SyncServer = {
  readonly url: string;
  /** Ends it with SIGKILL. @returns starts it again, at the same address and with what it has stored */
  readonly kill: () => Promise<() => Promise<void>>;
  readonly stop: () => Promise<void>;
};

/** Starts the Worker of this checkout under plain workerd, with the one variable that sync needs. */
export async function startSyncServer(): Promise<SyncServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-proof-sync-"));
  const [port = 0] = await freePorts(1);
  const variables = { HAPPY_MASTER_SECRET: randomBytes(32).toString("hex") };
  const start = await preparedServer(folder, port, variables);
  let server = await start();
  return {
    url: `http://127.0.0.1:${port}`,
    kill: async () => {
      await server.kill();
      return async () => {
        server = await start();
      };
    },
    stop: async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function preparedServer(
  folder: string,
  port: number,
  variables: Readonly<Record<string, string>>,
): Promise<() => Promise<Server>> {
  if (OTHER_SERVER !== undefined) {
    const env = { ...process.env, ...variables, PORT: String(port), SERVER_FOLDER: folder };
    return () => startServer(process.execPath, [OTHER_SERVER], { cwd: folder, env });
  }
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  return () => startWorkerd(folder, workerServices(bundle, variables), { port });
}
